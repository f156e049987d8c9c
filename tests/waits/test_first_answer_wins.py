"""A block in which the first answer wins: the others are closed in the same moment and end there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from anyio import fail_after

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza import errors as err
from cadenza.engine.local import LocalEngine
from cadenza.store.base import Receipt, Write
from cadenza.store.memory import MemoryStore
from cadenza.testing import kill

from ..engine.another import answer_at
from ..engine.fake_clock import HeldClock

calls: list[str] = []


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    calls.clear()


def asks(name: str) -> Any:
    async def ask(value: Any, ctx: StepContext) -> str:
        answer = await ctx.ask(str, question=f"{name}?")
        calls.append(name)
        return f"{name}: {answer}"

    return step(id=name)(ask)


@step
async def join(value: dict[str, Any]) -> dict[str, Any]:
    calls.append("join")
    return value


a, b, c = asks("a"), asks("b"), asks("c")
race = Workflow("race", input=int).parallel([a, b, c], first_answer_wins=True).then(join).commit()


async def test_the_first_answer_closes_the_other_questions(store: str) -> None:
    async with Cadenza(store=store, workflows=[race]) as app:
        run = await app.workflow(race).create_run()
        one, two, three = (await run.start(input_data=0)).suspensions

        result = await run.resume(step=two, resume_data="yes", actor="ada")

        assert (result.status, result.result) == ("success", {"b": "b: yes"})
        assert {id_: found.status for id_, found in result.steps.items()} == {
            "a": "canceled",
            "b": "success",
            "c": "canceled",
            "join": "success",
        }
        assert calls == ["b", "join"]
        for lost in (one, three):
            with pytest.raises(err.SuspensionCanceled, match="b was answered first"):
                await app.inbox.answer(lost.id, "late")
        assert [(x.path, x.became) for x in await app.inbox.history(run.id)] == [
            (("a",), "canceled"),
            (("b",), "answered"),
            (("c",), "canceled"),
        ]


async def test_of_two_answers_to_rivals_at_once_exactly_one_wins(store: str) -> None:
    async with Cadenza(store=store, workflows=[race]) as app:
        for _ in range(20):
            calls.clear()
            run = await app.workflow(race).create_run()
            rows = (await run.start(input_data=0)).suspensions
            with fail_after(10):
                found = await asyncio.gather(
                    *[app.inbox.answer(row.id, "yes") for row in rows], return_exceptions=True
                )
            won = [result for result in found if not isinstance(result, BaseException)]
            lost = [error for error in found if isinstance(error, BaseException)]
            assert [result.status for result in won] == ["success"]
            assert [type(error) for error in lost] == [err.SuspensionCanceled] * 2
            assert len(calls) == 2
            assert len(won[0].result) == 1


async def test_a_rival_that_is_still_running_stops_when_its_step_is_over(store: str) -> None:
    entered, gate = asyncio.Event(), asyncio.Event()

    @step
    async def slow(value: int) -> int:
        entered.set()
        await gate.wait()
        calls.append("slow")
        return value

    long = Workflow("long", input=int).then(slow).then(asks("late")).commit()
    flow = Workflow("flow", input=int).parallel([long, a], first_answer_wins=True).then(join).commit()
    async with Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        started = asyncio.ensure_future(run.start(input_data=0))
        with fail_after(5):
            await entered.wait()
            while not (rows := list((await app.store.load(run.id)).suspensions)):  # type: ignore[union-attr]
                await asyncio.to_thread(lambda: None)
            answering = asyncio.ensure_future(app.inbox.answer(rows[0].id, "yes"))
            while "a" not in calls:
                await asyncio.to_thread(lambda: None)
            gate.set()
            result = await answering
            assert await started == result
        assert (result.status, result.result) == ("success", {"a": "a: yes"})
        assert calls == ["a", "slow", "join"]
        assert result.steps["long"].status == "canceled"
        assert result.steps["long.slow"].status == "success"
        assert "long.late" not in result.steps


async def test_a_member_that_needs_no_answer_keeps_its_output(store: str) -> None:
    @step
    async def quick(value: int) -> int:
        return value + 1

    flow = Workflow("flow", input=int).parallel([quick, a, b], first_answer_wins=True).commit()
    async with Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1)
        result = await run.resume(step="a", resume_data="yes")
        assert (result.status, result.result) == ("success", {"quick": 2, "a": "a: yes"})


async def test_a_sleeping_rival_is_given_up(store: str) -> None:
    dozing = Workflow("dozing", input=int).sleep(3600).then(asks("late")).commit()
    flow = Workflow("flow", input=int).parallel([dozing, a], first_answer_wins=True).commit()
    async with Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1, wait=False)
        with fail_after(5):
            while (await run.get_state()).status != "suspended":
                await asyncio.to_thread(lambda: None)
            result = await run.resume(step="a", resume_data="yes")
        assert (result.status, result.result) == ("success", {"a": "a: yes"})
        assert result.steps["dozing"].status == "canceled"


async def test_the_winner_may_ask_again_and_the_losers_stay_out(store: str) -> None:
    two_questions = Workflow("two-questions", input=int).then(a).then(b.clone(id="again")).commit()
    flow = (
        Workflow("flow", input=int).parallel([two_questions, c], first_answer_wins=True).then(join).commit()
    )
    async with Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1)
        middle = await run.resume(step=["two-questions", "a"], resume_data="yes")
        assert [row.path for row in middle.suspensions] == [("two-questions", "again")]
        assert middle.steps["c"].status == "canceled"
        result = await run.resume(resume_data="sure")
        assert (result.status, result.result) == ("success", {"two-questions": "b: sure"})


async def test_a_crash_right_after_the_first_answer_does_not_open_the_race_again(tmp_path: Any) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    entered = asyncio.Event()
    hang = True

    @step(id="hangs")
    async def hangs(value: str) -> str:
        entered.set()
        if hang:
            await asyncio.Event().wait()
        return value

    long = Workflow("long", input=int).then(a).then(hangs).commit()
    flow = Workflow("flow", input=int).parallel([long, c], first_answer_wins=True).commit()
    app = Cadenza(store=store, workflows=[flow])
    run = await app.workflow(flow).create_run()
    _, lost = (await run.start(input_data=1)).suspensions
    await run.resume(step=["long", "a"], resume_data="yes", wait=False)
    with fail_after(5):
        await entered.wait()
    kill(app)
    hang = False

    async with Cadenza(store=store, workflows=[flow], worker=False) as app:
        run = await app.get_run(run.id)
        with pytest.raises(err.SuspensionCanceled):
            await app.inbox.answer(lost.id, "late")
        result = await run.restart()
        assert (result.status, result.result) == ("success", {"long": "a: yes"})
        assert calls == ["a"]


async def test_without_an_answer_a_failure_fails_the_block_as_usual(store: str) -> None:
    @step
    async def breaks(value: int) -> int:
        raise ValueError("no")

    flow = Workflow("flow", input=int).parallel([breaks, a], first_answer_wins=True).commit()
    async with Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        result = await run.start(input_data=1)
        assert (result.status, result.error.message) == ("failed", "no")


async def test_each_round_of_a_loop_has_a_race_of_its_own(store: str) -> None:
    inner = Workflow("inner", input=int).parallel([a, b], first_answer_wins=True).map(lambda s: 1).commit()
    flow = Workflow("flow", input=int).dountil(inner, lambda s: s.iteration >= 3).commit()
    async with Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        result = await run.start(input_data=1)
        for name in ("a", "b", "a"):
            assert len(result.suspensions) == 2
            result = await run.resume(step=["inner", name], resume_data="yes")
        assert result.status == "success"
        assert calls == ["a", "b", "a"]


async def test_withdrawing_a_question_is_no_answer_that_its_rivals_lose_to(store: str) -> None:
    async with Cadenza(store=store, workflows=[race]) as app:
        run = await app.workflow(race).create_run()
        rows = (await run.start(input_data=0)).suspensions

        await app.inbox.cancel(rows[1].id, reason="not needed", actor="ada")

        result = await app.engine.settled(race, run.id)
        assert result.status == "failed"
        # As in any block whose member fails: the others are closed with the run, and nobody was answered.
        history = await app.inbox.history(run.id)
        assert sorted((x.path[0], x.became, x.reason or "") for x in history) == [
            ("a", "canceled", ""),
            ("b", "canceled", "not needed"),
            ("c", "canceled", ""),
        ]
        with pytest.raises(err.SuspensionCanceled) as caught:
            await app.inbox.answer(rows[0].id, "late")
        assert "answered first" not in str(caught.value)


async def test_a_deadline_that_fails_its_step_is_no_answer_that_rivals_lose_to(store: str) -> None:
    clock = HeldClock()
    hurried = Workflow("hurried", input=int).wait_for_event("paid", schema=int, timeout="1h").commit()
    flow = Workflow("flow", input=int).parallel([hurried, a], first_answer_wins=True).commit()
    async with Cadenza(store=store, workflows=[flow], clock=clock, worker=False) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=0)
        clock.pass_by(3600)
        assert await app._worker.look() == 1
        assert (await app.engine.settled(flow, run.id)).status == "failed"
        history = await app.inbox.history(run.id)
        assert sorted((x.became, x.reason) for x in history) == [("canceled", None), ("expired", None)]


class Deadly(MemoryStore):
    """A memory store whose user dies once the question of "late" is kept there."""

    def __init__(self) -> None:
        super().__init__()
        self.app: Cadenza | None = None

    async def append(self, write: Write) -> Receipt:
        receipt = await super().append(write)
        if self.app is not None and any(row.path == ("late",) for row in write.opened):
            kill(self.app)
        return receipt


async def test_the_deadline_of_a_question_that_was_asked_after_another_was_answered_does_not_win() -> None:
    may_ask = asyncio.Event()

    @step
    async def late(value: int, ctx: StepContext) -> str:
        await may_ask.wait()
        return await ctx.ask(str, deadline="1h", on_timeout="nobody came")

    late_race = Workflow("late-race", input=int).parallel([a, late], first_answer_wins=True).commit()
    store, clock = Deadly(), HeldClock()
    first = store.app = Cadenza(store=store, workflows=[late_race], clock=clock, worker=False)
    run = await first.workflow(late_race).create_run("r")
    started = asyncio.create_task(run.start(input_data=0))
    with fail_after(5):
        # Another process answers; the driver dies before it hears of that.
        while not await answer_at(store, "a", "yes"):  # noqa: ASYNC110  no event tells when it asks
            await asyncio.sleep(0)  # noqa: TID251  a turn of the loop, no time
        may_ask.set()
        with pytest.raises(err.AppClosed):
            await started

    clock.pass_by(7200)
    async with Cadenza(store=store, workflows=[late_race], clock=clock, worker=False) as app:
        [loser] = (await app.inbox.list()).items
        assert isinstance(app.engine, LocalEngine)
        assert await app.engine.expire(late_race, loser) is False
        with pytest.raises(err.SuspensionCanceled, match="a was answered first"):
            await app.inbox.cancel(loser.id)
        result = await (await app.get_run("r")).restart()
        assert (result.status, result.result) == ("success", {"a": "a: yes"})
        assert (await app.inbox.get(loser.id)).state == "canceled"
