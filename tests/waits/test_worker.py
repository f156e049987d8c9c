"""The worker finds what needs a driver: orphans, timers, deadlines, answers that nobody heard."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import weakref
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from anyio import fail_after

from cadenza import Cadenza, Retry, Run, StepContext, Workflow, step
from cadenza import errors as err
from cadenza.engine.lease import LEASE, new_claim
from cadenza.store.base import Answering, Reply
from cadenza.testing import kill

from ..engine.fake_clock import HeldClock

calls: list[str] = []


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    calls.clear()


class Hang:
    """A step that hangs until it is told not to, as in a process that is about to die."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.on = True

    async def __call__(self, value: int) -> int:
        calls.append("hang")
        self.entered.set()
        if self.on:
            await asyncio.Event().wait()
        return value + 1


@step
async def ask(value: int, ctx: StepContext) -> int:
    calls.append("ask")
    return value + await ctx.ask(int)


@step
async def last(value: int) -> int:
    calls.append("last")
    return value * 2


async def until(holds: Callable[[], Any]) -> None:
    with fail_after(10):
        while not await holds():
            await asyncio.to_thread(lambda: None)


def is_over(run: Run[Any], status: str = "success") -> Callable[[], Any]:
    async def holds() -> bool:
        return (await run.get_state()).status == status

    return holds


@pytest.fixture
def file(tmp_path: Any) -> str:
    return f"sqlite:///{tmp_path / 'runs.db'}"


async def test_a_worker_goes_on_with_runs_whose_process_has_died(file: str) -> None:
    hang = Hang()
    flow = (
        Workflow("flow", input=int)
        .then(last.clone(id="first"))
        .then(step(id="hang")(hang.__call__))
        .then(last)
    )
    flow.commit()
    app = Cadenza(store=file, workflows=[flow], worker=False)
    run = await app.workflow(flow).create_run()
    await run.start(input_data=1, wait=False)
    with fail_after(5):
        await hang.entered.wait()
    kill(app)
    hang.on = False

    async with Cadenza(store=file, workflows=[flow]) as app:
        run = await app.get_run(run.id)
        await until(is_over(run))
        assert (await run.get_state()).result == 6
        assert calls == ["last", "hang", "hang", "last"]


async def test_a_worker_leaves_alone_what_it_has_no_code_for(file: str) -> None:
    hang = Hang()
    flow = Workflow("flow", input=int).then(step(id="hang")(hang.__call__)).commit()
    other = Workflow("other", input=int).then(last).commit()
    app = Cadenza(store=file, workflows=[flow], worker=False)
    run = await app.workflow(flow).create_run()
    await run.start(input_data=1, wait=False)
    with fail_after(5):
        await hang.entered.wait()
    kill(app)

    async with Cadenza(store=file, workflows=[other]) as app:
        assert await app._worker.look() == 0
        row = await app.store.row(run.id)
        assert row is not None
        assert (row.status, row.epoch) == ("running", 1)


@pytest.mark.parametrize("worker", [True, False])
async def test_an_answer_that_no_driver_heard_is_heard_by_a_worker(file: str, worker: bool) -> None:
    flow = Workflow("flow", input=int).then(ask).then(last).commit()
    app = Cadenza(store=file, workflows=[flow], worker=False)
    run = await app.workflow(flow).create_run()
    question = (await run.start(input_data=1)).suspensions[0]
    # As if the answerer had died between its answer, which found a driver, and that driver's rest.
    await app.store.answer(
        Answering(
            run_id=run.id,
            replies=[Reply(suspension_id=question.id, data=4)],
            actor="ada",
            run_count=0,
            context={},
            at=app.clock.now(),
        )
    )
    await app.close()

    async with Cadenza(store=file, workflows=[flow], worker=worker) as app:
        run = await app.get_run(run.id)
        if not worker:
            await run.restart()
        await until(is_over(run))
        assert (await run.get_state()).result == 10
        assert calls == ["ask", "ask", "last"]


async def test_a_sleep_survives_its_process(file: str) -> None:
    clock = HeldClock()
    flow = Workflow("flow", input=int).sleep(timedelta(days=30)).then(last).commit()
    async with Cadenza(store=file, workflows=[flow], clock=clock) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=2, wait=False)
        await until(is_over(run, "waiting"))

    async with Cadenza(store=file, workflows=[flow], clock=clock) as app:
        run = await app.get_run(run.id)
        clock.pass_by(timedelta(days=30).total_seconds() - 1)
        await app._worker.look()
        assert ((await run.get_state()).status, calls) == ("waiting", [])
        clock.pass_by(1)
        await until(is_over(run))
        assert (await run.get_state()).result == 4


async def test_the_pause_before_a_retry_survives_its_process(file: str) -> None:
    clock = HeldClock()
    fails = True

    @step(retries=Retry(attempts=1, delay=3600))
    async def shaky(value: int) -> int:
        calls.append("shaky")
        if fails:
            raise ValueError("not yet")
        return value

    flow = Workflow("flow", input=int).then(shaky).commit()
    async with Cadenza(store=file, workflows=[flow], clock=clock) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=2, wait=False)
        await until(is_over(run, "waiting"))
    fails = False

    async with Cadenza(store=file, workflows=[flow], clock=clock) as app:
        run = await app.get_run(run.id)
        await app._worker.look()
        assert calls == ["shaky"]
        clock.pass_by(3600)
        await until(is_over(run))
        assert calls == ["shaky", "shaky"]


async def test_long_sleeps_hold_no_tasks_and_no_snapshots(file: str) -> None:
    pause = Workflow("pause", input=int).sleep(86400).then(last).commit()
    flow = Workflow("flow", input=int).parallel([pause, ask]).commit()
    async with Cadenza(store=file, workflows=[pause, flow]) as app:
        before = len(asyncio.all_tasks())
        drives: list[weakref.ref[Any]] = []
        spawn = app.engine.spawn

        def noted(drive: Any) -> None:
            drives.append(weakref.ref(drive))
            spawn(drive)

        app.engine.spawn = noted  # type: ignore[method-assign]
        runs = []
        for workflow in (pause, flow):
            for number in range(20):
                run = await app.workflow(workflow).create_run()
                await run.start(input_data=number, wait=False)
                runs.append(run)
        await until(lambda: _all_rest(runs))
        await until(lambda: _none_driven(app))
        # The worker's own waits, and the look at other processes, which ends by itself.
        assert len(asyncio.all_tasks()) - before <= 4
        assert len(drives) >= 40

        async def gone() -> bool:
            gc.collect()
            return not any(drive() is not None for drive in drives)

        await until(gone)


async def _all_rest(runs: list[Run[Any]]) -> bool:
    return all([(await run.get_state()).status in {"waiting", "suspended"} for run in runs])


async def _none_driven(app: Cadenza) -> bool:
    return app.engine.under_way == 0


async def test_a_run_that_keeps_killing_its_process_is_held(file: str) -> None:
    hang = Hang()
    flow = Workflow("flow", input=int).then(last).then(step(id="deadly")(hang.__call__)).commit()
    app = Cadenza(store=file, workflows=[flow], worker=False)
    run = await app.workflow(flow).create_run()
    await run.start(input_data=1, wait=False)
    for _ in range(5):
        with fail_after(5):
            await hang.entered.wait()
        kill(app)
        hang.entered.clear()
        app = Cadenza(store=file, workflows=[flow], worker=False)
        await app._worker.look()

    run = await app.get_run(run.id)
    assert (await run.get_state()).status == "held"
    assert calls == ["last", *["hang"] * 5]
    assert await app._worker.look() == 0
    with pytest.raises(err.RunHeld, match=r"crashes its process at deadly \(5 times in a row\)"):
        await app.engine.settled(flow, run.id)

    # A person may try again; and it is the run that counts, not the process.
    hang.on = False
    assert (await run.restart()).result == 3
    await app.close()


async def test_deaths_at_different_places_do_not_add_up(file: str) -> None:
    hangs = [Hang() for _ in range(7)]
    flow = Workflow("flow", input=int)
    for number, hang in enumerate(hangs):
        flow.then(step(id=f"hang-{number}")(hang.__call__))
    flow.commit()
    app = Cadenza(store=file, workflows=[flow], worker=False)
    run = await app.workflow(flow).create_run()
    await run.start(input_data=0, wait=False)
    for hang in hangs:
        with fail_after(5):
            await hang.entered.wait()
        kill(app)
        hang.on = False
        app = Cadenza(store=file, workflows=[flow], worker=False)
        await app._worker.look()
    run = await app.get_run(run.id)
    await until(is_over(run))
    assert (await run.get_state()).result == 7
    await app.close()


async def test_a_lease_is_renewed_for_as_long_as_its_run_is_driven(store: str) -> None:
    clock = HeldClock()
    hang = Hang()
    flow = Workflow("flow", input=int).then(step(id="hang")(hang.__call__)).commit()
    async with Cadenza(store=store, workflows=[flow], clock=clock) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1, wait=False)
        with fail_after(5):
            await hang.entered.wait()
        begun: datetime = clock.now()
        clock.pass_by(LEASE.total_seconds() / 2)

        async def renewed() -> bool:
            row = await app.store.row(run.id)
            return row is not None and row.lease is not None and row.lease.until >= begun + LEASE * 1.5

        await until(renewed)


async def test_a_lease_that_is_held_for_nothing_is_given_back(file: str) -> None:
    flow = Workflow("flow", input=int).then(ask).commit()
    async with Cadenza(store=file, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1)
        claim = new_claim(app.engine.owner, app.clock, None)
        assert await app.store.claim(run.id, claim) is not None
        # As after a give-back that the store did not take. It may be about to be driven: at first it is only noticed.
        doubted = await app.engine._keeper.renew(set())
        assert doubted == {run.id}
        assert await app.engine._keeper.renew(doubted) == {run.id}
        row = await app.store.row(run.id)
        assert row is not None
        assert row.lease is None


async def test_with_durability_exit_only_rests_and_ends_are_written(file: str) -> None:
    flow = (
        Workflow("flow", input=int, durability="exit")
        .then(last.clone(id="x1"))
        .then(last.clone(id="x2"))
        .then(ask)
        .then(last)
        .commit()
    )
    async with Cadenza(store=file, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        writes: list[int] = []
        append = app.store.append

        async def counted(write: Any) -> Any:
            writes.append(len(write.entries))
            return await append(write)

        app.store.append = counted  # type: ignore[method-assign]
        await run.start(input_data=1)
        assert len(writes) == 2  # that it began, and that it rests
        assert (await run.resume(resume_data=3)).result == 14
        assert len(writes) == 3


async def test_with_durability_exit_a_crash_repeats_what_came_since_the_last_rest(file: str) -> None:
    hang = Hang()
    flow = (
        Workflow("flow", input=int, durability="exit")
        .then(last.clone(id="x1"))
        .then(ask)
        .then(last.clone(id="x2"))
        .then(step(id="hang")(hang.__call__))
        .commit()
    )
    app = Cadenza(store=file, workflows=[flow], worker=False)
    run = await app.workflow(flow).create_run()
    await run.start(input_data=1)
    await run.resume(resume_data=3, wait=False)
    with fail_after(5):
        await hang.entered.wait()
    kill(app)
    hang.on = False
    assert calls == ["last", "ask", "ask", "last", "hang"]

    async with Cadenza(store=file, workflows=[flow]) as app:
        run = await app.get_run(run.id)
        await until(is_over(run))
        assert (await run.get_state()).result == 11
        assert calls == ["last", "ask", "ask", "last", "hang", "ask", "last", "hang"]


async def test_a_cancel_that_was_told_yes_is_true_even_while_the_last_step_is_being_written(
    store: str,
) -> None:
    flow = Workflow("flow", input=int).then(last).commit()
    async with Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        append = app.store.append
        asked: list[bool] = []

        async def slowly(write: Any) -> Any:
            if write.heed and not asked:
                asked.append(await app.store.request_cancel(run.id, app.clock.now()))
            return await append(write)

        app.store.append = slowly  # type: ignore[method-assign]
        result = await run.start(input_data=1)
        assert asked == [True]
        assert result.status == "canceled"
        assert result.steps["last"].status == "success"
        kinds = [type(entry.event).__name__ for entry in await app.store.entries(run.id)]
        assert kinds == ["RunStarted", "StepStarted", "StepSucceeded", "RunCanceled"]
        row = await app.store.row(run.id)
        assert row is not None
        assert (row.status, row.lease, row.seq) == ("canceled", None, 4)


async def test_who_waits_for_a_run_is_told_when_its_app_is_closed_before_it_began(store: str) -> None:
    flow = Workflow("flow", input=int).then(last).commit()
    app = Cadenza(store=store, workflows=[flow], worker=False)
    run = await app.workflow(flow).create_run()
    started = asyncio.ensure_future(run.start(input_data=1))
    spawned = app.engine.spawn

    def cancel_at_once(drive: Any) -> None:
        spawned(drive)
        drive.task.cancel()

    app.engine.spawn = cancel_at_once  # type: ignore[method-assign]
    with fail_after(5), pytest.raises(err.AppClosed):
        await started
    await app.close()


async def test_a_timer_whose_run_cannot_be_woken_is_tried_again(
    file: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock = HeldClock()
    flow = Workflow("flow", input=int).sleep(60).then(last).commit()
    async with Cadenza(store=file, workflows=[flow], clock=clock, worker=False) as app:
        runs = [await app.workflow(flow).create_run() for _ in range(2)]
        for number, run in enumerate(runs):
            await run.start(input_data=number, wait=False)
            await until(is_over(run, "waiting"))
        claim = app.store.claim

        async def locked(run_id: str, wish: Any) -> Any:
            if run_id == runs[0].id:
                raise sqlite3.OperationalError("database is locked")
            return await claim(run_id, wish)

        app.store.claim = locked  # type: ignore[method-assign]
        clock.pass_by(60)
        await until(is_over(runs[1]))
        assert f"run {runs[0].id} could not be woken" in caplog.text
        app.store.claim = claim  # type: ignore[method-assign]
        clock.pass_by(60)
        await until(is_over(runs[0]))
