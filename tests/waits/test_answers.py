"""One question takes one answer: idempotency keys, dry runs, withdrawn questions, and the record of who did what."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import pytest
from anyio import fail_after
from pydantic import BaseModel, field_validator

from cadenza import Cadenza, Run, StepContext, Workflow, step
from cadenza import errors as err

calls: list[Any] = []


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    calls.clear()


class Review(BaseModel):
    decision: Literal["pay", "reject"]


@step
async def first(value: int, ctx: StepContext) -> int:
    answer = await ctx.ask(Review, question={"gate": 1}, label="one")
    calls.append(("first", answer.decision))
    return value + 1


@step
async def second(value: int, ctx: StepContext) -> int:
    answer = await ctx.ask(Review, question={"gate": 2})
    calls.append(("second", answer.decision))
    return value + 1


gates = Workflow("gates", input=int).then(first).then(second).commit()
both = Workflow("both", input=int).parallel([first, second]).commit()

PAY = {"decision": "pay"}
REJECT = {"decision": "reject"}


async def whole(app: Cadenza, run: Run[Any]) -> object:
    stored = await app.store.load(run.id)
    assert stored is not None
    return stored.run, list(stored.entries), list(stored.suspensions)


async def test_a_double_click_on_the_first_of_two_gates_never_answers_the_second(store: str) -> None:
    async with Cadenza(store=store, workflows=[gates]) as app:
        run = await app.workflow(gates).create_run()
        await run.start(input_data=0)

        one = await run.resume(resume_data=PAY, idempotency_key="click")
        again = await run.resume(resume_data=PAY, idempotency_key="click")

        assert again == one
        assert (one.status, calls) == ("suspended", [("first", "pay")])
        waiting = (await run.get_state()).suspensions
        assert [row.path for row in waiting] == [("second",)]


async def test_the_same_key_gives_the_first_outcome_also_after_the_run_went_on(store: str) -> None:
    async with Cadenza(store=store, workflows=[gates]) as app:
        run = await app.workflow(gates).create_run()
        started = await run.start(input_data=0)
        question = started.suspensions[0]
        one = await run.resume(step=question, resume_data=PAY, idempotency_key="k")
        last = await run.resume(resume_data=PAY)
        assert last.status == "success"

    async with Cadenza(store=store, workflows=[gates]) as app:
        if store == "memory://":
            return
        run = await app.get_run(run.id)
        assert await run.resume(step=question, resume_data=PAY, idempotency_key="k") == one
        assert await app.inbox.answer(question.id, PAY, idempotency_key="k") == one
        assert calls == [("first", "pay"), ("second", "pay")]


async def test_the_same_key_with_other_data_is_a_conflict_and_changes_nothing(store: str) -> None:
    async with Cadenza(store=store, workflows=[gates]) as app:
        run = await app.workflow(gates).create_run()
        question = (await run.start(input_data=0)).suspensions[0]
        await run.resume(resume_data=PAY, idempotency_key="k")
        before = await whole(app, run)

        for call in (
            run.resume(resume_data=REJECT, idempotency_key="k"),
            run.resume(step="first", resume_data={"decision": "maybe"}, idempotency_key="k"),
            app.inbox.answer(question.id, REJECT, idempotency_key="k"),
        ):
            with pytest.raises(err.IdempotencyConflict, match="key 'k' with other data; that answer stands"):
                await call
        assert await whole(app, run) == before


seats_left = 0


class Booking(BaseModel):
    seats: int
    note: str = ""

    @field_validator("seats")
    @classmethod
    def there_are_so_many(cls, seats: int) -> int:
        if seats > seats_left:
            raise ValueError(f"only {seats_left} seats are left")
        return seats


@pytest.mark.parametrize(
    "data",
    [{"seats": 3}, {"seats": 3, "note": ""}, Booking.model_construct(seats=3)],
    ids=lambda d: type(d).__name__,
)
async def test_the_same_answer_again_is_the_same_also_where_its_type_takes_it_no_more(
    store: str, data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    @step
    async def book(value: int, ctx: StepContext) -> int:
        return (await ctx.ask(Booking)).seats

    booking = Workflow("booking", input=int).then(book).commit()
    async with Cadenza(store=store, workflows=[booking]) as app:
        run = await app.workflow(booking).create_run()
        question = (await run.start(input_data=0)).suspensions[0]
        monkeypatch.setitem(globals(), "seats_left", 5)
        one = await run.resume(step=question, resume_data=data, idempotency_key="k")
        monkeypatch.setitem(globals(), "seats_left", 2)
        assert await run.resume(step=question, resume_data=data, idempotency_key="k") == one
        for other in ({"seats": 4}, {"seats": 3, "note": "by the window"}, {"seats": 1}, object()):
            with pytest.raises(err.IdempotencyConflict):
                await run.resume(step=question, resume_data=other, idempotency_key="k")


async def test_a_key_belongs_to_one_question(store: str) -> None:
    async with Cadenza(store=store, workflows=[both]) as app:
        run = await app.workflow(both).create_run()
        one, two = (await run.start(input_data=0)).suspensions

        await app.inbox.answer(one.id, PAY, idempotency_key="k")
        result = await app.inbox.answer(two.id, REJECT, idempotency_key="k")

        assert result.status == "success"
        assert sorted(calls) == [("first", "pay"), ("second", "reject")]


async def test_of_many_with_one_key_at_once_all_get_the_same_and_the_step_runs_once(store: str) -> None:
    async with Cadenza(store=store, workflows=[gates]) as app:
        run = await app.workflow(gates).create_run()
        question = (await run.start(input_data=0)).suspensions[0]

        with fail_after(10):
            results = await asyncio.gather(
                *[app.inbox.answer(question.id, PAY, idempotency_key="k") for _ in range(10)]
            )

        assert all(result == results[0] for result in results)
        assert calls == [("first", "pay")]


async def test_without_a_key_the_second_answer_is_told_who_was_faster(store: str) -> None:
    async with Cadenza(store=store, workflows=[gates]) as app:
        run = await app.workflow(gates).create_run()
        question = (await run.start(input_data=0)).suspensions[0]
        await app.inbox.answer(question.id, PAY, actor="ada", idempotency_key="k")
        before = await whole(app, run)

        with pytest.raises(err.AlreadyAnswered, match="first was already answered by ada at ") as caught:
            await app.inbox.answer(question.id, REJECT, actor="bob")
        assert (caught.value.actor, caught.value.suspension_id) == ("ada", question.id)
        with pytest.raises(err.AlreadyAnswered):
            await app.inbox.answer(question.id, PAY, idempotency_key="another")
        assert await whole(app, run) == before


async def test_a_dry_run_checks_everything_and_changes_nothing(store: str) -> None:
    async with Cadenza(store=store, workflows=[gates]) as app:
        run = await app.workflow(gates).create_run()
        question = (await run.start(input_data=0)).suspensions[0]
        before = await whole(app, run)

        found = await run.resume(resume_data=PAY, dry_run=True)
        assert (found.status, found.suspensions) == ("suspended", [question])
        with pytest.raises(err.InvalidResumeData, match="decision"):
            await run.resume(resume_data={"decision": "maybe"}, dry_run=True)
        with pytest.raises(err.StepNotSuspended):
            await run.resume(step="second", resume_data=PAY, dry_run=True)
        with pytest.raises(err.InvalidResumeData):
            await app.inbox.answer(question.id, {}, dry_run=True)

        assert await whole(app, run) == before
        assert calls == []


async def test_an_unknown_suspension_is_told_so(store: str) -> None:
    async with Cadenza(store=store, workflows=[gates]) as app:
        with pytest.raises(err.SuspensionNotFound, match="'nobody'"):
            await app.inbox.answer("nobody", PAY)
        with pytest.raises(err.SuspensionNotFound):
            await app.inbox.cancel("nobody")
        with pytest.raises(err.RunNotFound):
            await app.inbox.history("nobody")


async def test_a_withdrawn_question_fails_its_step_and_takes_no_answer(store: str) -> None:
    async with Cadenza(store=store, workflows=[gates]) as app:
        run = await app.workflow(gates).create_run()
        question = (await run.start(input_data=0)).suspensions[0]

        await app.inbox.cancel(question.id, "the supplier is gone", actor="ada")

        with fail_after(5):
            async for _ in run.observe_stream():
                pass
        result = await run.get_state()
        assert result.status == "failed"
        assert result.error.code == "question_withdrawn"
        assert result.error.message == "the question of first was canceled by ada: the supplier is gone"
        with pytest.raises(err.SuspensionCanceled, match="canceled by ada: the supplier is gone; no answer"):
            await app.inbox.answer(question.id, PAY)
        with pytest.raises(err.SuspensionCanceled):
            await app.inbox.cancel(question.id)
        assert calls == []


async def test_withdrawing_beside_a_running_sibling_reaches_its_driver(store: str) -> None:
    entered, gate = asyncio.Event(), asyncio.Event()

    @step
    async def slow(value: int) -> int:
        entered.set()
        await gate.wait()
        return value

    flow = Workflow("flow", input=int).parallel([slow, first]).commit()
    async with Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        started = asyncio.ensure_future(run.start(input_data=0))
        with fail_after(5):
            await entered.wait()
            while not (rows := list((await app.store.load(run.id)).suspensions)):  # type: ignore[union-attr]
                await asyncio.to_thread(lambda: None)
            await app.inbox.cancel(rows[0].id, "no longer needed")
            gate.set()
            result = await started
        assert (result.status, result.error.code) == ("failed", "question_withdrawn")
        assert result.steps["slow"].status == "success"


async def test_the_history_says_who_did_what_when_and_which_way(store: str) -> None:
    async with Cadenza(store=store, workflows=[gates]) as app:
        run = await app.workflow(gates).create_run()
        one = (await run.start(input_data=0)).suspensions[0]
        assert await app.inbox.history(run.id) == []
        two = (await app.inbox.answer(one.id, PAY, actor="ada", idempotency_key="k")).suspensions[0]
        await run.resume(resume_data=REJECT, actor="bob")

        found = await app.inbox.history(run.id)

        assert [
            (c.suspension_id, c.path, c.key, c.question, c.became, c.data, c.actor, c.via, c.idempotency_key)
            for c in found
        ] == [
            (one.id, ("first",), "Review", {"gate": 1}, "answered", PAY, "ada", "inbox", "k"),
            (two.id, ("second",), "Review", {"gate": 2}, "answered", REJECT, "bob", "resume", None),
        ]
        assert all(c.opened_at <= c.at for c in found)


async def test_time_travel_keeps_the_history_of_what_it_forgets(store: str) -> None:
    async with Cadenza(store=store, workflows=[gates]) as app:
        run = await app.workflow(gates).create_run()
        await run.start(input_data=0)
        await run.resume(resume_data=PAY, actor="ada")
        before = await app.inbox.history(run.id)

        result = await run.time_travel(step="first")

        assert [row.path for row in result.suspensions] == [("first",)]
        after = await app.inbox.history(run.id)
        assert after[:1] == before
        assert [(c.path, c.became) for c in after] == [(("first",), "answered"), (("second",), "superseded")]
