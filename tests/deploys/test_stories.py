"""Deploys that are dangerous, each as a story."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from anyio import fail_after
from pydantic import BaseModel

from cadenza import Cadenza, Step, StepContext, Workflow, WorkflowResult, step
from cadenza import errors as err
from cadenza.store.encryption import AesGcm
from cadenza.testing import virtual_time

paid: list[str] = []

PAY = {"decision": "pay"}
REJECT = {"decision": "reject"}


@pytest.fixture(autouse=True)
def _nothing_paid() -> None:
    paid.clear()


@pytest.fixture
def file(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'runs.db'}"


class Review(BaseModel):
    decision: Literal["pay", "reject"]


class Approval(BaseModel):
    approved: bool = True  # was `decision`


Function = Callable[..., Awaitable[Any]]


async def review(invoice: str, ctx: StepContext) -> str:
    answer = await ctx.ask(Review, question={"invoice": invoice})
    if answer.decision == "reject":
        ctx.bail("rejected")
    return invoice


async def pay(invoice: str, ctx: StepContext) -> str:
    paid.append(invoice)
    return f"paid {invoice}"


def payment(
    review: Function | Step[Any, Any] = review, pay: Function | Step[Any, Any] = pay
) -> Workflow[Any, Any]:
    first = review if isinstance(review, Step) else step(id="review")(review)
    last = pay if isinstance(pay, Step) else step(id="pay")(pay)
    return Workflow("payment", input=str).then(first).then(last).commit()


def deployed(store: str, *flows: Workflow[Any, Any]) -> Cadenza:
    return Cadenza(store=store, workflows=flows, worker=False)


async def waiting(store: str, flow: Workflow[Any, Any], input_data: Any = "i1") -> str:
    """The id of a run of *flow* that waits in *store*."""
    async with deployed(store, flow) as app:
        run = await app.workflow(flow).create_run()
        assert (await run.start(input_data=input_data)).status == "suspended"
        return run.id


async def became(app: Cadenza, run_id: str, status: str) -> WorkflowResult[Any]:
    """The run, once a worker has brought it to *status*."""
    run = await app.get_run(run_id)
    with fail_after(5):
        while (state := await run.get_state()).status != status:
            await app.store.changed(0.01)
    return state


async def reason(app: Cadenza, run_id: str) -> str | None:
    return (await became(app, run_id, "held")).reason


async def refused(app: Cadenza, run_id: str, data: Any = REJECT) -> str:
    """The reason for which the run is held that was answered."""
    run = await app.get_run(run_id)
    with pytest.raises(err.RunHeld) as found:
        await run.resume(resume_data=data)
    return found.value.reason


async def test_a_rejected_payment_is_never_executed_when_paying_was_moved_before_asking(file: str) -> None:
    run_id = await waiting(file, payment())
    moved = Workflow("payment", input=str).then(step(pay)).then(step(review)).commit()
    async with deployed(file, moved) as app:
        result = await (await app.get_run(run_id)).resume(resume_data=REJECT)
        assert (result.result, paid) == ("rejected", [])


async def test_a_rejected_payment_is_never_executed_when_the_ids_were_swapped(file: str) -> None:
    run_id = await waiting(file, payment())
    async with deployed(file, payment(review=pay, pay=review)) as app:
        assert await refused(app, run_id) == (
            "the code that asked at review is at pay in today's code, with other code in its place"
        )
        assert paid == []


async def test_a_rejected_payment_is_never_executed_when_the_question_is_no_longer_asked(file: str) -> None:
    async def passes(invoice: str, ctx: StepContext) -> str:
        return invoice

    run_id = await waiting(file, payment())
    async with deployed(file, payment(review=passes)) as app:
        assert await refused(app, run_id) == (
            "today's code of step review ended without asking for 'Review', which had been answered"
        )
        assert paid == []


async def test_a_rejected_payment_is_never_executed_when_nobody_looks_at_the_resume_data(file: str) -> None:
    async def suspends(invoice: str, ctx: StepContext) -> str:
        if ctx.resume_data is None:
            ctx.suspend()
        return invoice if ctx.resume_data["decision"] == "pay" else ctx.bail("rejected")

    async def passes(invoice: str, ctx: StepContext) -> str:
        return invoice

    run_id = await waiting(file, payment(review=suspends))
    async with deployed(file, payment(review=passes)) as app:
        assert await refused(app, run_id) == (
            "today's code of step review ended without looking at its resume data, which had been answered"
        )
        assert paid == []


async def test_a_rejection_that_was_kept_is_not_read_as_the_default_of_a_renamed_field(file: str) -> None:
    def asks_twice(type_: Any) -> Function:
        async def review(invoice: str, ctx: StepContext) -> str:
            first = await ctx.ask(type_, question="pay?", key="first")
            await ctx.ask(Review, question="sure?", key="second")
            agreed = first.decision == "pay" if isinstance(first, Review) else first.approved
            return invoice if agreed else ctx.bail("rejected")

        return review

    run_id = await waiting(file, payment(review=asks_twice(Review)))
    async with deployed(file, payment(review=asks_twice(Review))) as app:
        await (await app.get_run(run_id)).resume(resume_data=REJECT)
    async with deployed(file, payment(review=asks_twice(Approval))) as app:
        assert await refused(app, run_id, PAY) == (
            "the answer kept for step review, key 'first', no longer fits: invalid resume data for step review:\n"
            "- decision: Today's type does not know this field"
        )
        assert paid == []


async def test_a_type_that_is_loaded_decides_before_the_answer_is_written(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await waiting(file, payment())
    Approval.__qualname__ = "Review"
    monkeypatch.setattr(sys.modules[__name__], "Review", Approval)
    async with deployed(file, payment()) as app:
        report = await app.check_deploy()
        assert (report.ok, report.going_on, [issue.reason for issue in report.restricted]) == (
            True,
            1,
            [
                "today's code takes other answers at review than it asked for: only those that fit both are taken"
            ],
        )
        before = await app.store.load(run_id)
        assert await refused(app, run_id) == (
            "this is an answer to what review asked, and today's code does not take it: "
            "decision: Today's type does not know this field"
        )
        with pytest.raises(err.InvalidResumeData, match="decision: Field required"):
            await (await app.get_run(run_id)).resume(resume_data={"approved": True})
        assert await app.store.load(run_id) == before


async def test_a_step_whose_input_no_longer_fits_holds_the_run(file: str) -> None:
    async def counts(invoice: int, ctx: StepContext) -> int:
        await ctx.ask(Review)
        return invoice

    run_id = await waiting(file, payment())
    async with deployed(file, payment(review=counts)) as app:
        expected = (
            "the input on which step review asked no longer fits: invalid step input for step review:\n"
            "- (the value itself): Input should be a valid integer"
        )
        assert [issue.reason for issue in (await app.check_deploy()).stuck] == [expected]
        assert await refused(app, run_id) == expected


async def test_a_function_that_was_renamed_or_edited_under_the_same_id_goes_on(file: str) -> None:
    async def review_it(invoice: str, ctx: StepContext) -> str:
        answer = await ctx.ask(Review, question="another text")
        return invoice if answer.decision == "pay" else ctx.bail("turned down")

    run_id = await waiting(file, payment())
    async with deployed(file, payment(review=review_it)) as app:
        result = await (await app.get_run(run_id)).resume(resume_data=REJECT)
        assert (result.result, paid) == ("turned down", [])


async def test_two_apps_on_one_store_in_memory_see_the_same(file: str) -> None:
    old = deployed("memory://", payment())
    run = await old.workflow("payment").create_run()
    await run.start(input_data="i1")
    gone = Workflow("payment", input=str).then(step(pay)).commit()
    new = Cadenza(store=old.store, workflows=[gone], worker=False)

    assert await refused(new, run.id) == "today's code has no step at review, which asked"
    assert (await run.resume(resume_data=REJECT)).result == "rejected"


# ------------------------------------------------------------------ runs that are held


def sleeper(*, with_pay: bool = True) -> Workflow[Any, Any]:
    flow = Workflow("sleeper", input=str).then(step(review)).sleep(timedelta(hours=1))
    return (flow.then(step(pay)) if with_pay else flow).commit()


async def held_run(store: str) -> str:
    """The id of a run that was held when its sleep was over, because `pay` was gone."""
    async with virtual_time() as clock:
        async with deployed(store, sleeper()) as app:
            run = await app.workflow("sleeper").create_run()
            await run.start(input_data="i1")
            await run.resume(resume_data=PAY, wait=False)
            await app.engine.go_on(app.workflows["sleeper"], run.id)
        async with Cadenza(store=store, workflows=[sleeper(with_pay=False)]) as app:
            await clock.advance("2h")
            assert await reason(app, run.id) == "today's code has no step at pay, which the run still needs"
            assert [row.id for row in (await app.list_runs(status="held")).runs] == [run.id]
    return run.id


async def test_a_run_that_wakes_after_a_deploy_is_held_and_goes_on_when_its_code_is_back(file: str) -> None:
    run_id = await held_run(file)
    async with deployed(file, sleeper(with_pay=False)) as app:
        assert await app._worker.look() == 1
        assert await app._worker.look() == 0
        assert await reason(app, run_id) == "today's code has no step at pay, which the run still needs"
        with pytest.raises(err.RunHeld):
            await (await app.get_run(run_id)).restart()
    async with virtual_time() as clock, Cadenza(store=file, workflows=[sleeper()]) as app:
        await clock.advance("3h")
        await became(app, run_id, "success")
        assert paid == ["i1"]


async def test_a_held_run_can_be_canceled_restarted_or_taken_back(file: str, tmp_path: Path) -> None:
    run_id = await held_run(file)
    async with deployed(file, sleeper(with_pay=False)) as app:
        run = await app.get_run(run_id)
        result = await run.time_travel(step="review")
        assert result.status == "suspended"

    other = f"sqlite:///{tmp_path / 'other.db'}"
    run_id = await held_run(other)
    async with deployed(other, sleeper(with_pay=False)) as app:
        run = await app.get_run(run_id)
        assert await run.cancel()
        assert (await run.get_state()).status == "canceled"

    third = f"sqlite:///{tmp_path / 'third.db'}"
    run_id = await held_run(third)
    async with virtual_time(), deployed(third, sleeper()) as app:
        assert (await (await app.get_run(run_id)).restart()).status == "success"


async def test_a_deadline_passes_for_a_run_that_does_not_fit_and_counts_when_it_does(file: str) -> None:
    async def review(invoice: str, ctx: StepContext) -> str:
        answer = await ctx.ask(Review, deadline="1h", on_timeout=Review(decision="reject"))
        return invoice if answer.decision == "pay" else ctx.bail("too late")

    gone = Workflow("payment", input=str).then(step(pay)).commit()
    async with virtual_time() as clock:
        run_id = await waiting(file, payment(review=review))
        async with Cadenza(store=file, workflows=[gone]) as app:
            await clock.advance("2h")
            assert await reason(app, run_id) == "today's code has no step at review, which asked"
        async with Cadenza(store=file, workflows=[payment(review=review)]) as app:
            await clock.advance("1m")
            result = await became(app, run_id, "success")
            assert (result.result, paid) == ("too late", [])


# ------------------------------------------------------------------ events


def waits(*, shifted: bool = False, name: str = "paid", schema: Any = Review) -> Workflow[Any, Any]:
    flow = Workflow("waits", input=dict)
    if shifted:
        flow.wait_for_event("checked", schema=int)
    return flow.wait_for_event(name, schema=schema).commit()


async def test_an_unnamed_wait_is_found_by_its_event_not_by_its_position(file: str) -> None:
    run_id = await waiting(file, waits(), {"id": 1})
    async with deployed(file, waits(shifted=True)) as app:
        assert await app.send_event("paid", PAY, run_id=run_id) == [run_id]
        await app.engine.settled(app.workflows["waits"], run_id)
        assert (await (await app.get_run(run_id)).get_state()).result == PAY


async def test_an_event_that_nobody_waits_for_any_more_holds_its_run_and_reaches_the_others(
    file: str,
) -> None:
    run_id = await waiting(file, waits(), {"id": 1})
    other = Workflow("other", input=dict).wait_for_event("paid", schema=Review).commit()
    async with deployed(file, waits(name="settled"), other) as app:
        run = await app.workflow(other).create_run()
        await run.start(input_data={"id": 2})

        assert await app.send_event("paid", PAY, match={}) == [run.id]
        with pytest.raises(err.RunHeld) as found:
            await app.send_event("paid", PAY, run_id=run_id)
        assert found.value.reason == "today's code waits for no event 'paid' at event@0"


async def test_waits_without_ids_for_one_event_with_two_types_are_ambiguous(file: str) -> None:
    run_id = await waiting(file, waits(), {"id": 1})
    both = (
        Workflow("waits", input=str)
        .wait_for_event("paid", schema=int)
        .wait_for_event("paid", schema=Review)
        .commit()
    )
    async with deployed(file, both) as app:
        assert await refused(app, run_id, PAY) == (
            "today's code waits for the event 'paid' with different types, and the wait at event@0 has no id that tells "
            "which is meant"
        )


# ------------------------------------------------------------------ the report


async def test_the_report_counts_every_run_that_has_not_ended(file: str) -> None:
    async with deployed(file, payment()) as app:
        flow = app.workflow("payment")
        ids = [(await flow.create_run()).id for _ in range(205)]  # more than a page of them
        for run_id in ids[:3]:
            await (await app.get_run(run_id)).start(input_data="i")
        await (await app.get_run(ids[0])).resume(resume_data=REJECT)
        report = await app.check_deploy()
        assert (report.runs, report.going_on, report.ok) == (204, 2, True)

    async with deployed(file) as app:
        report = await app.check_deploy()
        assert (report.runs, report.going_on, report.stuck_count) == (204, 0, 204)
        assert {issue.reason for issue in report.stuck} == {
            "the workflow 'payment' is not registered in this app"
        }
        assert sorted((i.path or "") for i in report.stuck)[-3:] == ["", "review", "review"]


async def test_the_report_goes_through_runs_that_were_made_in_the_same_moment() -> None:
    async with virtual_time(), Cadenza(workflows=[payment()]) as app:
        for _ in range(450):
            await app.workflow("payment").create_run()
        assert (await app.check_deploy()).runs == 450


async def test_a_run_that_cannot_be_read_hides_no_other_from_the_look_before_a_deploy(file: str) -> None:
    flow = payment()
    for id_, key in (("lost", b"1" * 32), ("kept", b"2" * 32), ("kept", b"2" * 32)):
        async with Cadenza(store=file, workflows=[flow], worker=False, codec=AesGcm({id_: key})) as app:
            run = await app.workflow(flow).create_run()
            await run.start(input_data="i1")
    async with Cadenza(store=file, workflows=[flow], worker=False, codec=AesGcm({"kept": b"2" * 32})) as app:
        report = await app.check_deploy()
    assert (report.runs, report.going_on, report.stuck_count, report.ok) == (3, 2, 1, False)
    assert "cannot be read here: " in report.stuck[0].reason
    assert "'lost', which is not there" in report.stuck[0].reason
