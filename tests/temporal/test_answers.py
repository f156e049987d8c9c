"""Answers on Temporal: keys, what is refused where, and those that come while the run moves."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.exceptions import WorkflowAlreadyStartedError

from cadenza import StepContext, Workflow, step
from cadenza.engine.base import Resuming
from cadenza.engine.temporal import waiting
from cadenza.errors import AlreadyAnswered, InvalidResumeData, RunHeld, StoreBehind
from cadenza.history.resume import ResumeRequest
from cadenza.history.snapshot import fold
from cadenza.store.memory import MemoryStore

from .conftest import MakeApp

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:Cannot find activity to cancel:UserWarning"),
]


async def test_the_same_key_waits_where_it_did_not_before(make_app: MakeApp) -> None:
    gate = asyncio.Event()

    @step
    async def ask(value: Any, ctx: StepContext) -> int:
        answer: int = await ctx.ask(int)
        await gate.wait()
        return answer

    flow = Workflow("flow").then(ask).commit()
    async with make_app(flow) as app:
        run = await app.workflow(flow).create_run()
        await run.start()

        def answer(*, wait: bool) -> Any:
            resuming = Resuming(request=ResumeRequest(), data=1, idempotency_key="k", wait=wait)
            return asyncio.ensure_future(app.engine.answer(flow, run.id, resuming))

        assert (await answer(wait=False)).status != "success"
        waiting = answer(wait=True)
        # It is on its way while the step runs: what it gets has to be the end.
        await asyncio.wait({waiting}, timeout=0.5)
        gate.set()
        assert (await waiting).status == "success"


@step
async def asking(value: Any, ctx: StepContext) -> int:
    answer: int = await ctx.ask(int)
    return answer


async def _lost(app: Any, flow: Any) -> Any:
    """A run that waits, and whose workflow Temporal has no more."""
    run = await app.workflow(flow).create_run()
    await run.start()
    await app.engine.calls.terminate(run.id, "a test")
    return run


async def test_a_question_of_a_lost_run_is_claimed_put_off_and_withdrawn(make_app: MakeApp) -> None:
    flow = Workflow("flow").then(asking).commit()
    async with make_app(flow) as app:
        run = await _lost(app, flow)
        [row] = (await app.inbox.list()).items
        assert (await app.inbox.claim(row.id, "ann")).claimed_by == "ann"
        await app.engine.calls.terminate(run.id, "a test")  # type: ignore[attr-defined]
        assert (await app.inbox.extend(row.id, "3d")).deadline is not None
        await app.engine.calls.terminate(run.id, "a test")  # type: ignore[attr-defined]
        await app.inbox.cancel(row.id, reason="not needed")
        assert (await app.inbox.get(row.id)).state == "canceled"
        with anyio.fail_after(20):
            while (await run.get_state()).status != "failed":
                await app.store.wait(run.id, await app.store.row(run.id), 1)  # type: ignore[arg-type]


async def test_of_two_answers_to_a_lost_run_one_wins(make_app: MakeApp) -> None:
    flow = Workflow("flow").then(asking).commit()
    async with make_app(flow) as app:
        run = await _lost(app, flow)
        [row] = (await app.inbox.list()).items
        answers = [run.resume(step=row, resume_data=i) for i in range(4)]
        found = await asyncio.gather(*answers, return_exceptions=True)
        assert [result.status for result in found if not isinstance(result, BaseException)] == ["success"]
        assert [type(e) for e in found if isinstance(e, BaseException)] == [AlreadyAnswered] * 3


async def test_a_lost_run_that_somebody_ended_meanwhile_is_not_begun_anew(make_app: MakeApp) -> None:
    """Who has read it before that would start it from where it waited, and answer a second time."""
    flow = Workflow("flow").then(asking).commit()
    async with make_app(flow) as app:
        run = await _lost(app, flow)
        stored = await app.engine.load(run.id)
        assert (await run.resume(resume_data=1)).result == 1
        await app.engine.calls.handle(run.id).result()
        with pytest.raises(WorkflowAlreadyStartedError):
            await app.engine.revive(stored, fold(stored.entries), flow.graph, None)
        assert (await run.get_state()).result == 1
        # One that has ended is begun anew only to go back in time.
        assert (await run.time_travel(step="asking", input_data=2)).status == "suspended"
        assert (await run.resume(resume_data=2)).result == 2


async def test_who_waits_for_a_held_run_is_told_why(make_app: MakeApp) -> None:
    whole: Any = Workflow("flow").map(lambda scope: 1).then(asking).commit()
    less: Any = Workflow("flow").map(lambda scope: 1).commit()
    store = MemoryStore()
    async with (
        make_app(less, store=store) as serving,
        make_app(whole, store=store, queue=serving.engine.task_queue, worker=False) as app,
    ):
        run = await app.workflow("flow").create_run()
        with pytest.raises(RunHeld) as first:
            await run.start()
        with pytest.raises(RunHeld) as later:
            await app.engine.settled(whole, run.id)
        assert later.value.reason == first.value.reason != ""


async def test_a_store_that_hears_nothing_of_a_run_is_told_of(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker has a store of its own: the classic mistake."""
    monkeypatch.setattr(waiting, "_PATIENCE", 0.1)
    flow = Workflow("flow").then(asking).commit()
    store = MemoryStore()
    async with (
        make_app(flow, store=store) as serving,
        make_app(flow, store=store, queue=serving.engine.task_queue, worker=False) as app,
    ):
        run = await app.workflow(flow).create_run()
        await run.start()
        with pytest.raises(StoreBehind) as behind:
            await app.engine.take_in(run.id, {"seq": 1_000, "parts": []})  # type: ignore[attr-defined]
        assert "the same store" in str(behind.value)
        assert behind.value.wanted == 1_000


async def test_who_gives_up_waiting_is_told_as_everywhere(make_app: MakeApp) -> None:
    """The SDK turns the cancellation of a call into an error of its own: `asyncio.timeout` would not know it."""
    gate = asyncio.Event()

    @step
    async def slow(value: Any, ctx: StepContext) -> int:
        if not ctx.resume_data:
            ctx.suspend()
        await gate.wait()
        return 1

    @step
    async def slow_first(value: Any) -> None:
        await gate.wait()

    flow, other = Workflow("flow").then(slow).commit(), Workflow("other").then(slow_first).commit()
    async with make_app(flow, other) as app:
        run = await app.workflow(flow).create_run()
        await run.start()
        for call in (
            run.resume(resume_data=True),
            (await app.workflow(other).create_run()).start(),
        ):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await call
        gate.set()
        assert (await app.engine.settled(flow, run.id)).status == "success"


async def test_many_who_wait_leave_no_more_trace_than_a_few(make_app: MakeApp) -> None:
    begun, gate = asyncio.Event(), asyncio.Event()

    @step
    async def slow(value: Any) -> int:
        begun.set()
        await gate.wait()
        return 1

    flow = Workflow("flow").then(slow).commit()
    async with make_app(flow) as app:
        run = await app.workflow(flow).create_run()
        starting = asyncio.ensure_future(run.start())
        await begun.wait()
        waiters = [asyncio.ensure_future(app.engine.settled(flow, run.id)) for _ in range(15)]
        # They look again and again in this time.
        await asyncio.wait(waiters, timeout=2.5)
        gate.set()
        assert [(await waiter).status for waiter in waiters] == ["success"] * 15
        assert (await starting).status == "success"
        history = await app.engine.calls.handle(run.id).fetch_history()  # type: ignore[attr-defined]
        accepted = [
            e for e in history.events if e.HasField("workflow_execution_update_accepted_event_attributes")
        ]
        # Who was refused while it ran is told when it has ended, and so stands there once.
        assert len(accepted) <= 1 + 15


async def test_a_run_that_is_pruned_while_it_waits_ends_on_temporal(make_app: MakeApp) -> None:
    flow = Workflow("flow").then(asking).commit()
    async with make_app(flow) as app:
        run = await app.workflow(flow).create_run()
        await run.start()
        assert await app.prune(0, status="suspended") == 1
        described = await app.engine.calls.handle(run.id).describe()  # type: ignore[attr-defined]
        assert described.status == WorkflowExecutionStatus.TERMINATED


async def test_data_that_is_invalid_needs_no_worker_to_be_refused(make_app: MakeApp) -> None:
    flow = Workflow("flow").then(asking).commit()
    async with make_app(flow) as app:
        run = await app.workflow(flow).create_run()
        await run.start()
        await app._worker.stop()
        with anyio.fail_after(5), pytest.raises(InvalidResumeData):
            await run.resume(resume_data="no number")
