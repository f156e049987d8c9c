"""Feed: the entries of a run, past and coming, and the chunks that its steps write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from ..errors import RunNotFound
from ..history.event import Entry
from ..history.narrate import Narrator
from ..history.record import ENDED
from ..history.snapshot import Snapshot, fold
from ..model.path import Path
from ..model.values import Json
from ..store.base import RunRow, Store


@dataclass(frozen=True, slots=True)
class Chunk:
    """What a step wrote. It is shown to those who listen now, and not kept."""

    path: Path
    chunk: Json


Item: TypeAlias = list[Entry] | Chunk | None  # None: there may be something new in the store


class Feed:
    """Hands what happens in this process to those who listen."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[asyncio.Queue[Item]]] = {}
        # Set whenever something happens to any run here.
        self.curious: set[asyncio.Event] = set()

    def publish(self, run_id: str, entries: list[Entry]) -> None:
        """*entries* are durable now."""
        self.stir()
        for queue in self._listeners.get(run_id, ()):
            queue.put_nowait(entries)

    def stir(self) -> None:
        """Something has happened to a run here."""
        for changed in self.curious:
            changed.set()

    def show(self, run_id: str, path: Path, chunk: Json) -> None:
        """A step wrote *chunk*."""
        for queue in self._listeners.get(run_id, ()):
            queue.put_nowait(Chunk(path, chunk))

    def listen(self, run_id: str) -> asyncio.Queue[Item]:
        """A queue of what happens from now on; give it back to `leave`."""
        queue: asyncio.Queue[Item] = asyncio.Queue()
        self._listeners.setdefault(run_id, set()).add(queue)
        return queue

    def leave(self, run_id: str, queue: asyncio.Queue[Item]) -> None:
        """Stop listening."""
        listeners = self._listeners.get(run_id, set())
        listeners.discard(queue)
        if not listeners:
            self._listeners.pop(run_id, None)


class Teller(Protocol):
    """Makes events of the entries and chunks of one run. `seq` is the number of the last entry that it was told of."""

    @property
    def seq(self) -> int: ...
    def begin(self, workflow_id: str, /) -> Json: ...
    def tell(self, entry: Entry) -> list[Json]: ...
    def chunk(self, path: Path, chunk: Json) -> Json: ...
    def finish(self, status: str) -> Json: ...


# How long one look at the store may be behind another process that drives the run; in this one nothing is.
_PATIENCE = 1.0


async def observe(
    store: Store,
    feed: Feed,
    run_id: str,
    after: int,
    settled: Callable[[RunRow], bool],
    narrate: Callable[[str, Snapshot], Teller] = Narrator,
) -> AsyncGenerator[Json]:
    """The events of a run after entry *after*, then those to come, until it has ended or is *settled*.

    They are told by what *narrate* makes of the run as it was then. Once the first one has come no chunk is missed.
    """
    queue = feed.listen(run_id)
    try:
        past = list(await store.entries(run_id))
        narrator = narrate(run_id, fold(entry for entry in past if entry.seq <= after))
        row = await store.row(run_id)
        if row is None:
            raise RunNotFound(run_id)
        yield narrator.begin(row.workflow)
        for entry in past:
            for event in narrator.tell(entry):
                yield event
        while True:
            row = await store.row(run_id)
            if row is None:
                return
            for event in await _news(store, queue, narrator, run_id):
                yield event
            if row.status in ENDED or settled(row):
                yield narrator.finish(row.status)
                return
            async for event in _live(store, queue, narrator, row):
                yield event
    finally:
        feed.leave(run_id, queue)


async def _news(store: Store, queue: asyncio.Queue[Item], narrator: Teller, run_id: str) -> list[Json]:
    entries = await store.entries(run_id, after=narrator.seq)
    events: list[Json] = []
    # While that was read, steps here may have written chunks, and then ended: their chunks come first.
    while not queue.empty():
        events += tell_item(narrator, queue.get_nowait())
    for entry in entries:
        events += narrator.tell(entry)
    return events


async def _live(
    store: Store, queue: asyncio.Queue[Item], narrator: Teller, row: RunRow
) -> AsyncIterator[Json]:
    """What comes next: from this process's queue, or because the store has changed."""
    changed = asyncio.ensure_future(store.wait(row.id, row, _PATIENCE))
    # Not where it is given up: that would wake the next wait at once, which gives up its own, and so on without end.
    changed.add_done_callback(lambda done: None if done.cancelled() else queue.put_nowait(None))
    try:
        for event in tell_item(narrator, await queue.get()):
            yield event
    finally:
        changed.cancel()


def tell_item(narrator: Teller, item: Item) -> list[Json]:
    """The events of *item*."""
    if isinstance(item, Chunk):
        return [narrator.chunk(item.path, item.chunk)]
    events: list[Json] = []
    # As far as they follow what was told: where some are missing the store has them.
    for entry in item or ():
        if entry.seq > narrator.seq + 1:
            break
        events += narrator.tell(entry)
    return events


def narrator_of(run_id: str, entries: list[Entry]) -> Narrator:
    """A narrator who has heard *entries*."""
    return Narrator(run_id, fold(entries))
