"""Journal: a history while it is being written.

`note` takes an event into the snapshot at once; `commit` makes everything noted so far durable. Entries of several
branches that are noted while a commit is under way go into the next one together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from . import event as ev
from .snapshot import Snapshot

_T = TypeVar("_T")


@dataclass(slots=True, kw_only=True)
class Batch:
    """What one commit writes: entries, and what they do to suspension rows."""

    entries: list[ev.Entry]
    opened: list[ev.Suspension]
    closed: list[tuple[str, ev.SuspensionState]]
    taken: list[str]


_CLOSING: dict[type, ev.SuspensionState] = {
    ev.RunSucceeded: "canceled",
    ev.RunFailed: "canceled",
    ev.RunCanceled: "canceled",
    ev.RunRewound: "superseded",
    ev.StepSucceeded: "canceled",
    ev.StepBailed: "canceled",
    ev.StepFailed: "canceled",
    ev.StepRetried: "superseded",
}


class Journal:
    """The entries of one run, past and coming. `write` makes a batch durable, or raises and nothing is written."""

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        now: Callable[[], datetime],
        write: Callable[[Batch], Awaitable[None]],
    ) -> None:
        self.snapshot = snapshot
        self._now = now
        self._write = write
        self._batch = _empty()
        self._lock = asyncio.Lock()

    def note(self, event: ev.Event) -> None:
        """Let *event* have happened. It is durable after the next `commit`."""
        snapshot = self.snapshot
        entry = ev.Entry(seq=snapshot.seq + 1, at=self._now(), event=event)
        before = snapshot.open
        state = _CLOSING.get(type(event)) if before else None
        if state is not None:
            before = dict(before)
        snapshot.apply(entry)
        batch = self._batch
        batch.entries.append(entry)
        if state is not None:
            batch.closed.extend((id_, state) for id_ in before if id_ not in snapshot.open)
        elif isinstance(event, ev.StepSuspended):
            batch.opened.append(event.suspension)
        elif isinstance(event, ev.StepAnswered):
            batch.taken.append(event.suspension_id)

    def take(self) -> Batch:
        """What was noted and is not written yet; the caller writes it."""
        batch, self._batch = self._batch, _empty()
        return batch

    async def commit_by(self, write: Callable[[Batch], Awaitable[_T]]) -> _T:
        """Let *write* make what is noted durable, in turn with every other commit; also where nothing is."""
        async with self._lock:
            return await write(self.take())

    async def commit(self) -> None:
        """Return when everything noted so far is durable."""
        # One commit at a time keeps the numbers in order; whoever waits here finds its entries written, or writes more.
        async with self._lock:
            if self._batch.entries:
                await self._write(self.take())


def _empty() -> Batch:
    return Batch(entries=[], opened=[], closed=[], taken=[])
