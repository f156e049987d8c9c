"""Journal: a history while it is being written.

`note` takes an event into the snapshot at once; `commit` makes everything noted so far durable. Entries of several
branches that are noted while a commit is under way go into the next one together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from . import event as ev
from .apply import CHANGED_BY_END
from .snapshot import Snapshot

_T = TypeVar("_T")


@dataclass(slots=True, kw_only=True)
class Batch:
    """What one commit writes: entries, and what they do to suspension rows."""

    entries: list[ev.Entry]
    # Few do anything to rows.
    opened: Sequence[ev.Suspension] = ()
    closed: Sequence[tuple[str, ev.SuspensionState]] = ()


_CLOSING: dict[type, ev.SuspensionState] = {
    ev.RunSucceeded: "canceled",
    ev.RunFailed: "canceled",
    ev.RunCanceled: "canceled",
    ev.RunRewound: "superseded",
    ev.StepCanceled: "canceled",
    ev.StepSucceeded: "canceled",
    ev.StepBailed: "canceled",
    ev.StepFailed: "canceled",
    ev.StepRetried: "superseded",
}


class Journal:
    """The entries of one run, past and coming. `write` makes a batch durable, or raises and nothing is written."""

    __slots__ = (
        "_batch",
        "_begun",
        "_broken",
        "_durable",
        "_eager",
        "_now",
        "_over",
        "_tell",
        "_write",
        "snapshot",
        "writing",
    )

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        now: Callable[[], datetime],
        write: Callable[[Batch], Awaitable[None]],
        eager: bool = True,
        tell: Callable[[ev.Entry], None] | None = None,
    ) -> None:
        self.snapshot = snapshot
        self._now = now
        self._write = write
        self._eager = eager
        self._tell = tell
        self._batch = _empty()
        # Whether a commit is under way, and who waits for its end: hardly ever anybody.
        self.writing = False
        self._over: asyncio.Future[None] | None = None
        self._durable = snapshot.seq
        # Whether anything was written here: the first write takes the lease.
        self._begun = False
        self._broken: BaseException | None = None

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
            batch.closed = [*batch.closed, *((id_, state) for id_ in before if id_ not in snapshot.open)]
        elif isinstance(event, ev.StepSuspended):
            batch.opened = [*batch.opened, event.suspension]
        if self._tell is not None:
            self._tell(entry)

    async def end(self, event: ev.Event, write: Callable[[Batch], Awaitable[bool]]) -> bool:
        """Let *event* be the last one of all: *write* makes it durable with what else is noted, or says that it was not made.

        Then *event* has not happened. Nothing else may be under way.
        """
        snapshot = self.snapshot
        before = {name: getattr(snapshot, name) for name in CHANGED_BY_END}
        self.note(event)
        batch = self.take()
        closed = len(before["open"])
        if await write(batch):
            self._durable = snapshot.seq
            return True
        batch.entries.pop()
        if closed:
            batch.closed = batch.closed[:-closed]
        self._batch = batch
        for name, value in before.items():
            setattr(snapshot, name, value)
        return False

    def take(self) -> Batch:
        """What was noted and is not written yet; the caller writes it."""
        batch, self._batch = self._batch, _empty()
        return batch

    def written(self) -> None:
        """Everything noted so far was made durable by another write, which has taken the lease."""
        self._durable = self.snapshot.seq
        self._begun = True

    async def commit_by(self, write: Callable[[Batch], Awaitable[_T]]) -> _T:
        """Let *write* make what is noted durable, in turn with every other commit; also where nothing is."""
        await self.settled()
        return await self._commit(write)

    async def settled(self) -> None:
        """Return when no commit is under way."""
        while self.writing:
            await self._written()

    async def commit(self) -> None:
        """Return when everything noted so far is durable.

        A journal that is not `eager` writes only what others have to see: its first entries, and questions. The rest is
        written with the run's rest or end.
        """
        if not self._eager and self._begun and not self._batch.opened:
            return
        noted = self.snapshot.seq
        # One commit at a time keeps the numbers in order. All who wait for one go on together: whoever finds its entries not
        # written yet writes what has come together since.
        while self._durable < noted:
            if self._broken is not None:
                raise self._broken
            if self.writing:
                await self._written()
            else:
                await self._commit(self._write)

    async def _written(self) -> None:
        """Return when the commit that is under way is over."""
        if self._over is None:
            self._over = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._over)

    async def _commit(self, write: Callable[[Batch], Awaitable[_T]]) -> _T:
        self.writing = True
        batch = self.take()
        try:
            found = await write(batch)
        except BaseException as error:
            # What could not be written is not to be built upon by anybody.
            self._broken = error
            raise
        else:
            self._begun = True
            if batch.entries:
                self._durable = batch.entries[-1].seq
            return found
        finally:
            self.writing = False
            if self._over is not None:
                self._over.set_result(None)
                self._over = None


def _empty() -> Batch:
    return Batch(entries=[])
