"""What the exercises are given: a store, runs and writes to try it with, and how they look at it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from ...errors import CadenzaError, RunConflict
from ...history import event as ev
from ...model.graph import Graph, Single, Sleep
from ...store.base import Answering, Claim, Due, Head, Reply, RunRow, Store, Stored, Write

MakeStore: TypeAlias = Callable[[], Store]
Exercise: TypeAlias = Callable[[MakeStore], Awaitable[None]]

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
LEASE = timedelta(seconds=30)
GRAPH = Graph(workflow="pay", nodes=(Single(id="load"), Sleep(id="rest", seconds=1.5), Single(id="ask")))
HEAD = Head(status="running", fingerprint=GRAPH.fingerprint, wake_at=None)
# What JSON can hold and stores have got wrong: zero bytes, astral characters, large and exact numbers, order of keys.
VALUE = {"z": [None, True, 1.5, 2**70, "ä\U0001f3bb\x00"], "a": {"": [], "k": {}}, "n": -0.0}


def after(seconds: float) -> datetime:
    """A moment: *seconds* after `AT`."""
    return AT + timedelta(seconds=seconds)


def new_run(id: str = "r", **fields: Any) -> RunRow:
    """A run to create."""
    given: dict[str, Any] = {
        "id": id,
        "workflow": "pay",
        "engine": "local",
        "created_at": AT,
        "updated_at": fields.get("created_at", AT),
    }
    return RunRow(**given | fields)


def claim(owner: str = "one", *, now: datetime = AT, dead: int | None = None) -> Claim:
    """A wish for the lease."""
    return Claim(owner=owner, now=now, until=now + LEASE, dead=dead)


def due(**fields: Any) -> Due:
    """What a worker of "pay" looks for."""
    given: dict[str, Any] = {"engine": "local", "workflows": ["pay"], "now": after(20)}
    return Due(**given | fields)


def noted(*events: ev.Event, first: int = 1) -> list[ev.Entry]:
    """Entries with these events, numbered from *first*."""
    return [ev.Entry(seq=first + i, at=after(i), event=event) for i, event in enumerate(events)]


def write(expect: int = 0, count: int = 1, **fields: Any) -> Write:
    """*count* entries after number *expect*."""
    given: dict[str, Any] = {
        "run_id": "r",
        "at": after(expect + 1),
        "expect": expect,
        "entries": noted(*[ev.StepStarted(path=("load",), input=VALUE)] * count, first=expect + 1),
        "head": HEAD,
    }
    return Write(**given | fields)


def question(id: str = "s", **fields: Any) -> ev.Suspension:
    """A suspension to open."""
    given: dict[str, Any] = {"id": id, "run_id": "r", "path": ("n", 2, "ask"), "opened_at": AT}
    return ev.Suspension(**given | fields)


def reply_to(*ids: str, **fields: Any) -> Answering:
    """An answer to suspensions."""
    given: dict[str, Any] = {
        "run_id": "r",
        "replies": [Reply(suspension_id=id_, data={"to": id_, "value": VALUE}) for id_ in ids],
        "actor": "ada",
        "run_count": 2,
        "context": {"k": 1},
        "at": after(9),
    }
    return Answering(**given | fields)


@asynccontextmanager
async def opened(make_store: MakeStore, *, first: Write | None = None) -> AsyncIterator[Store]:
    """A new store; with *first* it has the run "r", to which that was written."""
    store = make_store()
    await store.setup()
    try:
        if first is not None:
            await store.create(new_run())
            await store.append(first)
        yield store
    finally:
        await store.close()


async def whole(store: Store, run_id: str = "r") -> Stored:
    """All that is kept of a run."""
    stored = await store.load(run_id)
    assert stored is not None
    assert stored.run == await store.row(run_id)
    assert list(stored.entries) == list(await store.entries(run_id))
    assert list(stored.suspensions) == [await store.suspension(row.id) for row in stored.suspensions]
    return replace(stored, entries=list(stored.entries), suspensions=list(stored.suspensions))


async def raises(kind: type[CadenzaError], call: Awaitable[object]) -> None:
    """Let *call* fail with *kind*."""
    try:
        found = await call
    except kind:
        return
    raise AssertionError(f"{kind.__name__} should have been raised; it gave {found!r}")


async def refused(store: Store, call: Awaitable[object]) -> None:
    """Let *call* raise `RunConflict` and change nothing."""
    before = await whole(store)
    await raises(RunConflict, call)
    assert await whole(store) == before
