"""The journal is the truth: what a run knew while it ran is what its journal tells later."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza.engine.base import Starting
from cadenza.history import event as ev
from cadenza.history.codec import entry_from_json, entry_to_json
from cadenza.history.journal import Batch, Journal
from cadenza.history.snapshot import Snapshot, fold
from cadenza.model.values import decode, encode

AT = datetime(2026, 1, 2, tzinfo=UTC)


class Item(BaseModel):
    n: int
    note: str = "none"


@step
async def load(count: int, ctx: StepContext) -> list[Item]:
    ctx.set_state({"count": count})
    ctx.runtime_context["loaded"] = True
    return [Item(n=n) for n in range(count)]


@step(retries=1)
async def work(item: Item, ctx: StepContext) -> int:
    if ctx.retry_count == 0 and item.n == 1:
        raise ValueError("once more")
    paid = await ctx.once("pay", lambda: item.n * 10)
    if item.n == 2:
        await ctx.ask(bool, question=item, label="two")
    return int(paid)


@step
async def total(items: list[int]) -> int:
    return sum(items)


@step
async def more(value: int) -> int:
    return value + 1


@step
async def stop(value: int, ctx: StepContext) -> int:
    ctx.bail(value)


inner = Workflow("inner", input=list[int]).then(total).then(stop).then(more.clone(id="never")).commit()
flow = (
    Workflow("flow", input=int)
    .then(load)
    .foreach(work, concurrency=2)
    .parallel([inner, total])
    .map({"sum": {"step": total}, "count": {"init_data": True}})
    .branch([(lambda scope: True, load.clone(id="no")), (lambda scope: False, load.clone(id="never-chosen"))])
    .commit()
)
happy = (
    Workflow("happy", input=int)
    .then(load)
    .foreach(work, concurrency=2)
    .parallel([inner, total])
    .map(lambda scope: scope.input["total"])
    .branch([(lambda scope: True, more), (lambda scope: False, more.clone(id="less"))])
    .map(lambda scope: scope.input["more"])
    .dowhile(more.clone(id="again"), lambda scope: scope.iteration < 4)
    .sleep(0)
    .commit()
)


@pytest.mark.parametrize("workflow", [happy, flow], ids=["succeeds", "fails"])
async def test_the_fold_of_the_journal_is_the_snapshot_of_the_run_that_wrote_it(
    store: str, workflow: Workflow[Any, Any]
) -> None:
    async with Cadenza(store=store, workflows=[workflow]) as app:
        run = await app.workflow(workflow).create_run("r1")
        starting = Starting(input=4, state={"before": 1}, context={"user": "ann"})
        live = await app.engine.start(workflow, "r1", starting)
        stored = await app.store.load("r1")
        assert stored is not None
        assert live.status == "suspended"
        assert fold(stored.entries) == live

        await run.resume(label="two", resume_data=True)

        stored = await app.store.load("r1")
        assert stored is not None
        told = fold(stored.entries)
        read = [entry_from_json(entry.seq, decode(encode(entry_to_json(entry)))) for entry in stored.entries]
        assert fold(read) == told
        assert told.status == stored.run.status == ("success" if workflow is happy else "failed")
        assert told.seq == stored.run.seq == len(stored.entries)
        if workflow is happy:
            assert told.result == 60 + 1 + 4


async def test_each_prefix_of_a_journal_is_a_journal(store: str) -> None:
    async with Cadenza(store=store, workflows=[happy]) as app:
        run = await app.workflow(happy).create_run("r1")
        await run.start(input_data=4)
        await run.resume(resume_data=True)
        entries = await app.store.entries("r1")

        along = Snapshot()
        for count, entry in enumerate(entries, 1):
            along.apply(entry)
            assert fold(entries[:count]) == along


async def test_a_payload_is_written_once() -> None:
    big = "x" * 10_000

    @step
    async def give(value: str) -> str:
        return value + "y"

    @step
    async def pass_on(value: str) -> int:
        return len(value)

    twin = Workflow("twin", input=str).then(pass_on).commit()
    passing = (
        Workflow("passing", input=str)
        .then(give)
        .parallel([pass_on, twin])
        .map({"given": {"step": give}})
        .commit()
    )
    async with Cadenza(workflows=[passing]) as app:
        run = await app.workflow(passing).create_run("r1")
        await run.start(input_data=big)

        written = sum(len(encode(entry_to_json(entry))) for entry in await app.store.entries("r1"))

        # The input, what `give` made of it, and the object that the map built.
        assert written < 3 * len(big) + 4_000


def test_a_journal_with_a_gap_is_refused() -> None:
    snapshot = Snapshot()
    snapshot.apply(
        ev.Entry(seq=1, at=AT, event=ev.RunStarted(fingerprint="f", input=1, state={}, context={}))
    )

    with pytest.raises(ValueError, match="entry 3 cannot follow entry 1: the journal has a gap"):
        snapshot.apply(ev.Entry(seq=3, at=AT, event=ev.RunCanceled()))
    with pytest.raises(ValueError, match="entry 1 cannot follow entry 1"):
        snapshot.apply(ev.Entry(seq=1, at=AT, event=ev.RunCanceled()))
    assert (snapshot.seq, snapshot.status) == (1, "running")


def test_a_journal_begins_with_entry_1() -> None:
    with pytest.raises(ValueError, match="entry 2 cannot follow entry 0"):
        fold([ev.Entry(seq=2, at=AT, event=ev.RunCanceled())])


async def test_what_is_noted_is_durable_after_the_commit_and_written_once() -> None:
    written: list[Batch] = []

    async def write(batch: Batch) -> None:
        written.append(batch)

    journal = Journal(Snapshot(), now=lambda: AT, write=write)
    journal.note(ev.RunStarted(fingerprint="f", input=1, state={}, context={}))
    journal.note(ev.StepStarted(path=("a",), input=1))
    assert written == []

    await journal.commit()
    await journal.commit()

    assert [[entry.seq for entry in batch.entries] for batch in written] == [[1, 2]]


async def test_a_batch_tells_what_it_does_to_suspension_rows() -> None:
    written: list[Batch] = []

    async def write(batch: Batch) -> None:
        written.append(batch)

    journal = Journal(Snapshot(), now=lambda: AT, write=write)
    rows = [
        ev.Suspension(id=f"s{n}", run_id="r", path=path, opened_at=AT)
        for n, path in enumerate([("a",), ("b",), ("n", "x")])
    ]
    journal.note(ev.RunStarted(fingerprint="f", input=1, state={}, context={}))
    for path in [("a",), ("b",), ("n",), ("n", "x")]:
        journal.note(ev.StepStarted(path=path, input=1))
    for row in rows:
        journal.note(ev.StepSuspended(path=row.path, suspension=row))
    await journal.commit()
    journal.note(ev.StepAnswered(path=("a",), suspension_id="s0", data=1))
    error = ev.Failure(name="E", message="e")
    journal.note(ev.StepRetried(path=("n",), attempt=1, error=error, until=AT))
    journal.note(ev.RunCanceled())
    await journal.commit()

    first, second = written
    assert (list(first.opened), list(first.closed)) == (rows, [])
    assert (list(second.opened), list(second.closed)) == ([], [("s2", "superseded"), ("s1", "canceled")])
