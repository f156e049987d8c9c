"""Waiting for an event by name, and sending one: to a run, to all that fit, before anybody waits."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from anyio import fail_after
from pydantic import BaseModel

from cadenza import Cadenza, Run, Workflow, step
from cadenza import errors as err
from cadenza.engine.events import waiting_for
from cadenza.store.memory import MemoryStore
from cadenza.testing.store_suite.given import after, claim, opened, question, reply_to, write

from ..engine.fake_clock import HeldClock


class Paid(BaseModel):
    amount: int


class Order(BaseModel):
    order: str
    country: str = "SE"


@step
async def ship(paid: Paid) -> str:
    return f"shipped for {paid.amount}"


order = Workflow("order", input=Order).wait_for_event("paid", schema=Paid, id="payment").then(ship).commit()
timed = (
    Workflow("timed", input=Order).wait_for_event("paid", schema=Paid, timeout="1h", id="payment").commit()
)


async def over(run: Run[Any]) -> Any:
    with fail_after(5):
        async for _ in run.observe_stream():
            pass
    return await run.get_state()


async def begun(app: Cadenza, *orders: str) -> list[Run[Any]]:
    runs = []
    for name in orders:
        run = await app.workflow(order).create_run()
        result = await run.start(input_data={"order": name})
        assert (result.status, result.suspensions[0].event) == ("suspended", "paid")
        runs.append(run)
    return runs


async def test_an_event_for_a_run_goes_on_with_its_data(store: str) -> None:
    async with Cadenza(store=store, workflows=[order]) as app:
        one, other = await begun(app, "o1", "o2")

        assert await app.send_event("paid", {"amount": 7}, run_id=one.id, actor="bank") == [one.id]

        assert (await over(one)).result == "shipped for 7"
        assert (await other.get_state()).status == "suspended"
        (closing,) = await app.inbox.history(one.id)
        assert (closing.became, closing.data, closing.via, closing.actor) == (
            "answered",
            {"amount": 7},
            "event",
            "bank",
        )


async def test_an_event_reaches_all_whose_wait_it_fits(store: str) -> None:
    async with Cadenza(store=store, workflows=[order]) as app:
        one, two, three = await begun(app, "o1", "o2", "o1")

        assert await app.send_event("paid", {"amount": 1}, match={"order": "o9"}) == []
        reached = await app.send_event("paid", {"amount": 1}, match={"order": "o1", "country": "SE"})

        assert sorted(reached) == sorted([one.id, three.id])
        assert (await two.get_state()).status == "suspended"
        assert await app.send_event("paid", {"amount": 1}, match={}) == [two.id]
        assert await app.send_event("refused", {"amount": 1}, match={}) == []


async def test_what_is_matched_can_be_computed(store: str) -> None:
    flow = (
        Workflow("flow", input=Order)
        .wait_for_event("paid", match=lambda scope: {"ref": scope.init_data["order"].upper()}, id="payment")
        .commit()
    )
    async with Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data={"order": "o1"})
        assert await app.send_event("paid", 1, match={"order": "o1"}) == []
        assert await app.send_event("paid", 1, match={"ref": "O1"}) == [run.id]
        assert (await over(run)).result == 1


async def test_data_that_does_not_fit_is_refused_and_reaches_nobody(store: str) -> None:
    async with Cadenza(store=store, workflows=[order]) as app:
        (run,) = await begun(app, "o1")
        with pytest.raises(err.InvalidResumeData, match="amount"):
            await app.send_event("paid", {"amount": "much"}, run_id=run.id, keep=True)
        assert (await run.get_state()).status == "suspended"
        assert await app.store.kept_events("paid", app.clock.now()) == []


async def test_who_an_event_is_for_has_to_be_said(store: str) -> None:
    async with Cadenza(store=store, workflows=[order]) as app:
        with pytest.raises(err.NoEventTarget, match=r"run_id= or match=\{\.\.\.\}"):
            await app.send_event("paid", {"amount": 1})
        with pytest.raises(err.RunNotFound):
            await app.send_event("paid", {"amount": 1}, run_id="nobody")


async def test_an_event_sent_before_anybody_waits_is_lost_unless_it_is_kept(store: str) -> None:
    async with Cadenza(store=store, workflows=[order]) as app:
        assert await app.send_event("paid", {"amount": 1}, match={"order": "o1"}) == []
        (lost,) = await begun(app, "o1")

        assert await app.send_event("paid", {"amount": 5}, match={"order": "o2"}, keep=True) == []
        (other,) = await begun(app, "o3")
        run = await app.workflow(order).create_run()
        result = await run.start(input_data={"order": "o2"})

        assert (result.status, result.result) == ("success", "shipped for 5")
        (again,) = await begun(app, "o2")  # it is taken once
        for waiting in (lost, other, again):
            assert (await waiting.get_state()).status == "suspended"


async def test_of_many_that_begin_to_wait_at_once_one_takes_the_kept_event(store: str) -> None:
    async with Cadenza(store=store, workflows=[order]) as app:
        await app.send_event("paid", {"amount": 5}, match={"order": "o"}, keep=True)
        runs = [await app.workflow(order).create_run() for _ in range(10)]
        with fail_after(10):
            results = await asyncio.gather(*[run.start(input_data={"order": "o"}) for run in runs])
        assert sorted(result.status for result in results) == ["success", *["suspended"] * 9]


async def test_an_event_sent_while_a_run_begins_to_wait_is_never_lost(store: str) -> None:
    async with Cadenza(store=store, workflows=[order]) as app:
        for number in range(20):
            run = await app.workflow(order).create_run()
            started = asyncio.ensure_future(run.start(input_data={"order": f"o{number}"}))
            await app.send_event("paid", {"amount": 5}, match={"order": f"o{number}"}, keep=True)
            await started
            assert (await over(run)).status == "success"
            assert await app.store.kept_events("paid", app.clock.now()) == []


twice = (
    Workflow("twice", input=Order)
    .wait_for_event("paid", schema=Paid, id="first")
    .wait_for_event("paid", schema=Paid, id="second")
    .commit()
)


async def test_an_event_that_has_reached_somebody_is_not_kept_for_their_next_wait(store: str) -> None:
    async with Cadenza(store=store, workflows=[twice]) as app:
        for number in range(5):
            run = await app.workflow(twice).create_run()
            await run.start(input_data={"order": f"o{number}"})
            for left, match in ((1, {"order": f"o{number}"}), (0, None)):
                sent = app.send_event("paid", {"amount": left}, run_id=run.id, match=match, keep=True)
                assert await sent == [run.id]
                result = await over(run)
                assert result.status == ("suspended" if left else "success")
            assert result.result == {"amount": 0}
        assert await app.store.kept_events("paid", app.clock.now()) == []


async def test_a_kept_event_is_gone_after_a_day() -> None:
    clock = HeldClock()
    async with Cadenza(workflows=[order], clock=clock, worker=False) as app:
        await app.send_event("paid", {"amount": 5}, match={"order": "o1"}, keep=True)
        clock.pass_by(timedelta(hours=24).total_seconds())
        await begun(app, "o1")


async def test_without_an_event_in_time_the_place_fails(store: str) -> None:
    clock = HeldClock()
    async with Cadenza(store=store, workflows=[timed], clock=clock) as app:
        run = await app.workflow(timed).create_run()
        question = (await run.start(input_data={"order": "o1"})).suspensions[0]
        assert question.deadline == clock.now() + timedelta(hours=1)
        clock.pass_by(3600)
        with fail_after(5):
            while (await run.get_state()).status != "failed":
                await asyncio.to_thread(lambda: None)
        result = await run.get_state()
        assert result.error.code == "deadline_passed"
        assert result.error.message.startswith("payment waited for the event 'paid' until 2026-01-01T01:00")
        with pytest.raises(err.SuspensionExpired):
            await app.inbox.answer(question.id, {"amount": 1})
        assert await app.send_event("paid", {"amount": 1}, match={}) == []


async def test_a_wait_for_an_event_can_be_answered_by_a_person_too(store: str) -> None:
    async with Cadenza(store=store, workflows=[order]) as app:
        (run,) = await begun(app, "o1")
        with pytest.raises(err.InvalidResumeData):
            await run.resume(resume_data={"amount": None})
        assert (await run.resume(step="payment", resume_data={"amount": 3})).result == "shipped for 3"


def test_a_duration_that_is_none_is_refused_when_the_workflow_is_built() -> None:
    for wrong in ("soon", "3 fortnights", -1, float("nan"), "1e9d", True):
        with pytest.raises(err.InvalidDuration, match="'3d', '1h 30m'"):
            Workflow("w", input=int).wait_for_event("paid", timeout=wrong)


async def test_waits_that_end_while_they_are_looked_for_hide_no_others() -> None:
    names = [f"s{number:04}" for number in range(1100)]
    rows = [question(id_, event="paid", opened_at=after(number)) for number, id_ in enumerate(names)]
    async with opened(MemoryStore, first=write(claim=claim(), opened=rows)) as store:
        suspensions = store.suspensions

        async def then_one_is_answered(query: Any) -> Any:
            found = await suspensions(query)
            await store.answer(reply_to(found[0].id))
            return found

        store.suspensions = then_one_is_answered  # type: ignore[method-assign]
        assert [row.id for row in await waiting_for(store, "paid", None, None)] == names
