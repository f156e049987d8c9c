"""A run that cannot be read, or is gone, is its own trouble: a worker says so and sees to all others."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from anyio import fail_after

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza import errors as err
from cadenza.engine import worker
from cadenza.testing import kill

from ..engine.fake_clock import HeldClock

TRASH = b"\xff"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


def spoil(file: Path, statement: str, *values: Any) -> None:
    """Change the file as a bad disk, or a wrong hand, does."""
    with closing(sqlite3.connect(file)) as db:
        db.execute(statement, values)
        db.commit()


class Gate:
    """A step that hangs until it is told not to. `entered` counts who has come."""

    def __init__(self) -> None:
        self.entered: asyncio.Queue[int] = asyncio.Queue()
        self.shut = True

    async def __call__(self, value: int) -> int:
        self.entered.put_nowait(value)
        if self.shut:
            await asyncio.Event().wait()
        return value


@step
async def ask(value: int, ctx: StepContext) -> int:
    return await ctx.ask(int, deadline="1h", on_timeout=7)


asking = Workflow("asking", input=int).then(ask).commit()
tick = Workflow("tick", input=int).then(step(id="tick")(lambda value: value)).commit()


async def until_over(*runs: Any) -> None:
    with fail_after(10):
        for run in runs:
            while (await run.get_state()).status != "success":
                await asyncio.to_thread(lambda: None)


async def orphans(url: str, flow: Any, gate: Gate) -> None:
    """Three runs, "r1" to "r3", whose process dies while they are under way."""
    app = Cadenza(store=url, workflows=[flow], worker=False)
    for number in (1, 2, 3):
        run = await app.workflow(flow).create_run(f"r{number}")
        await run.start(input_data=number, wait=False)
        with fail_after(5):
            await gate.entered.get()
    kill(app)
    gate.shut = False


@pytest.mark.parametrize("trouble", ["unreadable", "gone"])
async def test_one_bad_orphan_does_not_keep_the_others_from_their_driver(
    trouble: str, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()
    flow = Workflow("flow", input=int).then(step(id="gate")(gate.__call__)).commit()
    await orphans(f"sqlite:///{file}", flow, gate)
    if trouble == "unreadable":
        spoil(file, "update entries set payload = ? where run = 'r1'", TRASH)

    async with Cadenza(store=f"sqlite:///{file}", workflows=[flow, tick], worker=False) as app:
        claim_due = app.store.claim_due

        async def then_gone(wanted: Any) -> Any:
            claimed = await claim_due(wanted)
            assert {one.run_id for one in claimed} == {"r1", "r2", "r3"}
            await app.store.delete("r1")
            return claimed

        if trouble == "gone":
            app.store.claim_due = then_gone  # type: ignore[method-assign]
        with caplog.at_level(logging.INFO, "cadenza"):
            assert await app._worker.look() == 2
        assert "run r1" in caplog.text
        await until_over(await app.get_run("r2"), await app.get_run("r3"))
        row = await app.store.row("r1")
        assert row is None or row.lease is None


async def test_bad_runs_are_left_for_a_while_and_hide_no_other(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    flow = Workflow("flow", input=int).then(step(id="gate")(gate.__call__)).commit()
    await orphans(f"sqlite:///{file}", flow, gate)
    with closing(sqlite3.connect(file)) as db:
        [whole] = db.execute("select payload from entries where run = 'r1' and seq = 1").fetchone()
    spoil(file, "update entries set payload = ? where run in ('r1', 'r2') and seq = 1", TRASH)
    monkeypatch.setattr(worker, "_DUE_AT_ONCE", 1)  # as if there were a hundred bad ones
    async with Cadenza(store=f"sqlite:///{file}", workflows=[flow], worker=False) as app:
        assert sum([await app._worker.look() for _ in range(6)]) == 1  # each bad one is tried twice
        await until_over(await app.get_run("r3"))
        spoil(file, "update entries set payload = ? where run = 'r1' and seq = 1", whole)
        assert await app._worker.look() == 0
        app._worker._left = dict.fromkeys(app._worker._left, app.clock.now())  # the while is over
        assert sum([await app._worker.look() for _ in range(2)]) == 1
        await until_over(await app.get_run("r1"))


async def test_a_lease_that_the_store_did_not_take_back_is_given_back_with_the_next_look(file: Path) -> None:
    gate = Gate()
    flow = Workflow("flow", input=int).then(step(id="gate")(gate.__call__)).commit()
    await orphans(f"sqlite:///{file}", flow, gate)
    async with Cadenza(store=f"sqlite:///{file}", workflows=[flow], worker=False) as app:
        load, release = app.store.load, app.store.release

        async def away(*_: Any) -> Any:
            raise err.StoreUnavailable("it is being moved", unsure=False)

        app.store.load = app.store.release = away  # type: ignore[method-assign,assignment]
        with pytest.raises(err.StoreUnavailable):
            await app._worker.look()
        app.store.load, app.store.release = load, release  # type: ignore[method-assign]
        assert await app.store.owners() == [app.engine.owner]
        assert await app._worker.look() == 3
        await until_over(*[await app.get_run(f"r{number}") for number in (1, 2, 3)])


async def test_one_bad_run_keeps_neither_deadlines_nor_schedules_from_their_time(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = HeldClock()
    workflows = [asking, tick]
    async with Cadenza(store=f"sqlite:///{file}", workflows=workflows, clock=clock, worker=False) as app:
        for run_id in ("journal", "question", "good"):
            await (await app.workflow(asking).create_run(run_id)).start(input_data=1)
        spoil(file, "update entries set payload = ? where run = 'journal'", TRASH)
        spoil(file, "update suspensions set opened = ? where run = 'question'", TRASH)
        await app.schedules.create(tick, id="tick", cron="0 * * * *", input_data=1)
        clock.pass_by(timedelta(hours=2).total_seconds())
        with caplog.at_level(logging.INFO, "cadenza"):
            assert await app._worker.look() == 2
            assert await app._worker.look() == 0
        await until_over(await app.get_run("good"))
        assert (await (await app.get_run("good")).get_state()).result == 7
        assert len(await app.schedules.fires("tick")) == 1
        for run_id in ("journal", "question"):
            row = await app.store.row(run_id)
            assert row is not None
            assert row.lease is None
            assert caplog.text.count(f"run {run_id} ") == 1  # once, and not each second


async def test_one_bad_held_run_does_not_keep_the_others_held(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Cadenza(store=f"sqlite:///{file}", workflows=[asking], worker=False) as app:
        for run_id in ("good", "bad"):  # the newest is tried first
            await (await app.workflow(asking).create_run(run_id)).start(input_data=1)
        spoil(file, "update runs set status = 'held', created_at = created_at + (id = 'bad')")
        spoil(file, "update entries set payload = ? where run = 'bad'", TRASH)
        await app._worker.look()
        assert "run bad" in caplog.text
        with fail_after(5):
            while app.engine.under_way:
                await asyncio.to_thread(lambda: None)
        rows = [await app.store.row(run_id) for run_id in ("good", "bad")]
        assert [(row and row.status, row and row.lease) for row in rows] == [
            ("suspended", None),
            ("held", None),
        ]


async def test_held_runs_are_tried_with_the_next_look_where_the_store_was_away(file: Path) -> None:
    async with Cadenza(store=f"sqlite:///{file}", workflows=[asking], worker=False) as app:
        for run_id in ("one", "two"):
            await (await app.workflow(asking).create_run(run_id)).start(input_data=1)
        spoil(file, "update runs set status = 'held'")
        claim = app.store.claim

        async def away(*_: Any) -> Any:
            raise err.StoreUnavailable("it is being moved", unsure=False)

        app.store.claim = away  # type: ignore[method-assign]
        with pytest.raises(err.StoreUnavailable):
            await app._worker.look()
        app.store.claim = claim  # type: ignore[method-assign]
        assert await app._worker.look() == 2
        with fail_after(5):
            while app.engine.under_way:
                await asyncio.to_thread(lambda: None)
        rows = [await app.store.row(run_id) for run_id in ("one", "two")]
        assert [row and row.status for row in rows] == ["suspended", "suspended"]


async def test_the_next_moment_is_not_asked_for_while_there_is_something_to_do(file: Path) -> None:
    clock = HeldClock()
    app = Cadenza(store=f"sqlite:///{file}", workflows=[asking], clock=clock)
    looks: list[str] = []
    async with app:
        look, next_due = app._worker.look, app.store.next_due

        async def looking() -> int:
            found = await look()
            looks.append(f"found {found}")
            return found

        async def asked(*given: Any) -> Any:
            looks.append("asked")
            return await next_due(*given)

        app._worker.look, app.store.next_due = looking, asked  # type: ignore[method-assign]
        run = await app.workflow(asking).create_run()
        await run.start(input_data=1)
        clock.pass_by(3600)
        await until_over(run)
        with fail_after(5):
            while "found 1" not in looks or looks[-1] != "asked":
                await asyncio.to_thread(lambda: None)
    assert looks[looks.index("found 1") + 1] == "found 0"


async def test_a_run_whose_graph_is_not_in_the_store_is_held_by_name_and_its_deadline_waits(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = HeldClock()
    told: list[str] = []
    async with Cadenza(store=f"sqlite:///{file}", workflows=[asking], clock=clock, worker=False) as app:
        run = await app.workflow(asking).create_run("r")
        question = (await run.start(input_data=1)).suspensions[0]
    spoil(file, "delete from graphs")
    longer = Workflow("asking", input=int).then(ask).then(ask.clone(id="again")).commit()
    async with Cadenza(store=f"sqlite:///{file}", workflows=[longer], clock=clock, worker=False) as app:
        app.on("expired")(lambda notice: told.append(notice.run_id))
        run = await app.get_run("r")
        with pytest.raises(err.RunHeld, match=r"run 'r' is held: its graph .* is not in the store"):
            await run.resume(step=question, resume_data=1)
        clock.pass_by(3600)
        assert await app._worker.look() == 0
        assert "the worker leaves run r as it is" in caplog.text
        assert ((await app.inbox.get(question.id)).state, told) == ("open", [])
