"""The mirror alone: parts that come again, or in another order than they were made in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cadenza.clock import SystemClock
from cadenza.engine.feed import Feed
from cadenza.engine.hooks import Hooks
from cadenza.engine.owner import new_owner, retire
from cadenza.engine.temporal.messages import Part, answering_to_json
from cadenza.engine.temporal.mirror import Mirror, NotYet
from cadenza.history import event as ev
from cadenza.history.codec import entry_to_json
from cadenza.model.graph import Graph, Single
from cadenza.model.graph import to_json as graph_to_json
from cadenza.model.values import Json
from cadenza.store.base import Answering, Claim, Head, Reply, RunRow, Store, Write
from cadenza.store.memory import MemoryStore

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
GRAPH = Graph(workflow="pay", nodes=(Single(id="a"), Single(id="b")))
# Seconds: what does not come in this time is not there.
SOON = 0.1


def _mirror(store: Store) -> Mirror:
    return Mirror(store, SystemClock(), new_owner(), Feed(), Hooks())


async def _store() -> MemoryStore:
    store = MemoryStore()
    await store.create(RunRow(id="r", workflow="pay", engine="temporal", created_at=AT, updated_at=AT))
    return store


def _entries(first: int, *events: ev.Event, closed: Sequence[Json] = ()) -> Json:
    entries = [entry_to_json(ev.Entry(seq=0, at=AT, event=event)) for event in events]
    head = ["running", GRAPH.fingerprint, None]
    return Part(
        first=first, entries=entries, head=head, closed=list(closed), graph=graph_to_json(GRAPH)
    ).to_json()


def _asked(*places: str) -> Json:
    """The part in which places ask, each with a question named after it."""
    events: list[ev.Event] = []
    for place in places:
        row = ev.Suspension(id=f"q-{place}", run_id="r", workflow="pay", path=(place,), opened_at=AT)
        events += [ev.StepStarted(path=(place,), input=1), ev.StepSuspended(path=(place,), suspension=row)]
    return _entries(1, *events)


def _answer(*places: str, closes: Sequence[str] = ()) -> Json:
    answering = Answering(
        run_id="r",
        replies=[Reply(suspension_id=f"q-{place}", data=7) for place in places],
        actor="ann",
        run_count=0,
        context={},
        at=AT,
        via="inbox",
        closes=[f"q-{place}" for place in closes],
        closes_reason="another was answered first",
    )
    return {"answer": answering_to_json(answering)}


async def _states(store: Store, *places: str) -> list[Any]:
    rows = [await store.suspension(f"q-{place}") for place in places]
    return [row and (row.state, row.answer) for row in rows]


async def test_an_answer_that_comes_before_its_question_waits_for_it() -> None:
    store = await _store()
    mirror = _mirror(store)
    with pytest.raises(NotYet):
        await mirror.apply("r", [_answer("a")], patience=SOON)
    await mirror.apply("r", [_asked("a"), _answer("a")], patience=SOON)
    assert await _states(store, "a") == [("answered", 7)]


async def test_an_answer_waits_for_the_questions_of_its_rivals() -> None:
    store = await _store()
    mirror = _mirror(store)
    await mirror.apply("r", [_asked("a")], patience=SOON)
    with pytest.raises(NotYet):
        await mirror.apply("r", [_answer("a", closes=["b"])], patience=SOON)
    assert await _states(store, "a") == [("open", None)]


async def test_an_answer_is_written_where_its_rivals_are_shut_already() -> None:
    store = await _store()
    mirror = _mirror(store)
    await mirror.apply("r", [_asked("a", "b")], patience=SOON)
    rival = ev.StepCanceled(path=("b",), reason="a was answered first")
    await mirror.apply("r", [_entries(5, rival, closed=[["q-b", "canceled"]])], patience=SOON)
    await mirror.apply("r", [_answer("a", closes=["b"])], patience=SOON)
    assert await _states(store, "a", "b") == [("answered", 7), ("canceled", None)]


async def test_parts_that_come_again_change_nothing() -> None:
    store = await _store()
    mirror = _mirror(store)
    claimed = {"claimed": ["q-a", None, "ann", AT.isoformat()]}
    extended = {"extended": ["q-a", (AT + timedelta(days=1)).isoformat(), None]}
    parts = [_asked("a", "b"), claimed, extended, _answer("a", closes=["b"])]
    await mirror.apply("r", parts, patience=SOON)
    before = await store.load("r")
    await mirror.apply("r", parts, patience=SOON)
    await mirror.apply("r", parts[1:], patience=SOON)
    assert await store.load("r") == before
    assert await _states(store, "a", "b") == [("answered", 7), ("canceled", None)]


@pytest.mark.parametrize(
    "part",
    [{"claimed": ["q-a", None, "ann", AT.isoformat()]}, {"extended": ["q-a", AT.isoformat(), None]}],
    ids=["claimed", "extended"],
)
async def test_what_becomes_of_a_question_waits_for_it(part: Json) -> None:
    store = await _store()
    mirror = _mirror(store)
    with pytest.raises(NotYet):
        await mirror.apply("r", [part], patience=SOON)
    await mirror.apply("r", [_asked("a"), part], patience=SOON)
    row = await store.suspension("q-a")
    assert row is not None
    assert (row.claimed_by, row.deadline) == (("ann", None) if "claimed" in part else (None, AT))


async def test_a_run_that_was_removed_is_let_go() -> None:
    store = await _store()
    await store.delete("r")
    parts = [_asked("a"), _answer("a"), {"claimed": ["q-a", None, "ann", AT.isoformat()]}]
    for part in parts:
        await _mirror(store).apply("r", [part], patience=SOON)
    assert await store.row("r") is None


async def _leased(store: Store, owner: str) -> None:
    """Let *owner* have written the first entry, and keep the lease."""
    now = SystemClock().now()
    await store.append(
        Write(
            run_id="r",
            at=AT,
            expect=0,
            entries=[ev.Entry(seq=1, at=AT, event=ev.StepStarted(path=("a",), input=1))],
            head=Head(status="running", fingerprint=None, wake_at=None),
            claim=Claim(owner=owner, now=now, until=now + timedelta(minutes=1)),
        )
    )


async def test_a_lease_of_another_process_is_waited_for_with_patience() -> None:
    store = await _store()
    other = new_owner()
    await _leased(store, other)
    mirror = _mirror(store)
    part = _entries(2, ev.StepSucceeded(path=("a",), output=1))
    with pytest.raises(NotYet):
        await mirror.apply("r", [part], patience=SOON)
    # Of one that has died nothing comes any more.
    retire(other)
    await mirror.apply("r", [part], patience=SOON)
    row = await store.row("r")
    assert row is not None
    assert (row.seq, row.lease) == (2, None)


class Counting(MemoryStore):
    """Notes which calls are made."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    async def row(self, run_id: str) -> RunRow | None:
        self.calls.append("row")
        return await super().row(run_id)

    async def append(self, write: Write) -> Any:
        self.calls.append("append")
        return await super().append(write)

    async def entries(self, run_id: str, *, after: int = 0) -> Any:
        self.calls.append("entries")
        return await super().entries(run_id, after=after)


async def test_a_step_costs_three_calls_to_the_store() -> None:
    store = Counting()
    await store.create(RunRow(id="r", workflow="pay", engine="temporal", created_at=AT, updated_at=AT))
    mirror = _mirror(store)
    await mirror.apply("r", [_asked("a")], need=2, patience=SOON, tell=True)
    assert (await mirror.folded("r")).seq == 2
    assert store.calls == ["row", "append", "entries"]
