"""The mirror: what Temporal knows of a run, written into the store, so that everybody reads one thing.

Truth is the history that Temporal keeps. Parts of it come here from activities and from clients, again and in any order: a part
that is there changes nothing, one that comes too early waits for the one before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ...clock import Clock
from ...errors import RunConflict, RunNotFound
from ...history import event as ev
from ...history.codec import entry_from_json
from ...history.record import ENDED
from ...history.snapshot import Snapshot
from ...model.graph import from_json as graph_from_json
from ...model.values import Json
from ...store.base import Answering, Claim, Closed, Head, Refused, RunRow, Store, Write
from .. import owner
from ..feed import Feed
from ..hooks import Hooks, Notice
from ..lease import new_claim
from .messages import answering_from_json

# How often, in seconds, it is looked whether an earlier part has come.
_LOOK = 0.02
# So many runs are kept folded, for the next step of the same run.
_FOLDED = 256


class NotYet(Exception):
    """An earlier part has not come within the time that was given."""


class Mirror:
    """One process's way of writing runs into *store*, and of reading them."""

    def __init__(self, store: Store, clock: Clock, name: str, feed: Feed, hooks: Hooks) -> None:
        self._store = store
        self._clock = clock
        self._owner = name
        self._feed = feed
        self._hooks = hooks
        self._folded: dict[str, Snapshot] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def apply(
        self, run_id: str, parts: Sequence[Json], *, need: int = 0, patience: float, tell: bool = False
    ) -> None:
        """Write *parts* in their order, and return when the store has entry *need* too.

        With *tell* the hooks hear of ends.

        Raises `NotYet` where an earlier part does not come within *patience* seconds. A run that was removed is let go.
        """
        until = time.monotonic() + patience
        reached = 0
        try:
            for part in parts:
                while not await self._apply(run_id, part):
                    if time.monotonic() > until:
                        raise NotYet
                    await asyncio.sleep(_LOOK)  # noqa: TID251  real time: another process is at work
                if "entries" in part:
                    reached = part["first"] + len(part["entries"]) - 1
                if tell:
                    await self._tell(run_id, part)
        except RunNotFound:
            return
        if reached < need:
            await self._reach(run_id, need, until)

    async def _reach(self, run_id: str, seq: int, until: float) -> None:
        """Return when the store has entry *seq* of the run, or the run was removed."""
        while (row := await self._store.row(run_id)) is not None and row.seq < seq:
            if time.monotonic() > until:
                raise NotYet
            await self._store.wait(run_id, row, 0.2)

    async def folded(self, run_id: str) -> Snapshot:
        """The run as the store has it. It is shared: it goes on as the run does."""
        async with self._locks.setdefault(run_id, asyncio.Lock()):
            snapshot = self._folded.pop(run_id, None) or Snapshot()
            for entry in await self._store.entries(run_id, after=snapshot.seq):
                snapshot.apply(entry)
            self._folded[run_id] = snapshot
            if snapshot.status in ENDED or len(self._folded) > _FOLDED:
                old = run_id if snapshot.status in ENDED else next(iter(self._folded))
                del self._folded[old]
                self._locks.pop(old, None)
            return snapshot

    async def _apply(self, run_id: str, part: Json) -> bool:
        """Write one part; False where the one before is missing."""
        match part:
            case {"entries": list()}:
                return await self._append(run_id, part)
            case {"answer": answer}:
                return await self._answer(answering_from_json(run_id, answer))
            case {"claimed": [id_, seen, claimant, at]}:
                done = await self._store.set_claimant(id_, seen, claimant, datetime.fromisoformat(at))
                return done or await self._is_there(run_id, id_)
            case {"extended": [id_, deadline, due_at]}:
                due = datetime.fromisoformat(due_at) if due_at is not None else None
                done = await self._store.extend(id_, datetime.fromisoformat(deadline), due)
                return done or await self._is_there(run_id, id_)
            case _:
                raise ValueError(f"a part of a newer version: {sorted(part)}")

    async def _answer(self, answering: Answering) -> bool:
        """Close the rows of an answer; False where one of them is not there yet."""
        while isinstance(found := await self._store.answer(answering), Refused):
            shut = {row.id for row in found.rows}
            replies = [reply for reply in answering.replies if reply.suspension_id not in shut]
            if not replies:
                return True  # it was written before
            # The end of a rival may have come here first: what is shut already must not keep the answer out.
            closes = [id_ for id_ in answering.closes if id_ not in shut]
            for id_ in (*[reply.suspension_id for reply in replies], *closes):
                if not await self._is_there(answering.run_id, id_):
                    return False
            answering = replace(answering, replies=replies, closes=closes)
        return True

    async def _is_there(self, run_id: str, suspension_id: str) -> bool:
        """Whether a question has been opened here; raises `RunNotFound` where its run was removed."""
        if await self._store.suspension(suspension_id) is not None:
            return True
        if await self._store.row(run_id) is None:
            raise RunNotFound(run_id)
        return False

    async def _append(self, run_id: str, part: Json) -> bool:
        first, entries = part["first"], part["entries"]
        row = await self._store.row(run_id)
        if row is None:
            raise RunNotFound(run_id)
        if row.seq >= first + len(entries) - 1:
            return True
        if row.seq < first - 1:
            return False
        lease = row.lease
        dead = lease.epoch if lease is not None and owner.is_dead(lease.owner) else None
        write = _write(row, part, new_claim(self._owner, self._clock, dead))
        try:
            receipt = await self._store.append(write)
        except RunConflict:
            return False  # another process writes, perhaps the same: look again
        if not receipt.released:
            await self._store.release(run_id, receipt.epoch)
        self._feed.publish(run_id, list(write.entries))
        return True

    async def _tell(self, run_id: str, part: Json) -> None:
        # Of a deadline that has passed a worker's look tells: it stays due until somebody has heard of it.
        if "head" not in part or part["head"][0] not in ENDED or not self._hooks.wanted("ended"):
            return
        row = await self._store.row(run_id)
        if row is None:
            return
        at = datetime.fromisoformat(part["entries"][-1]["at"])
        notice = Notice(kind="ended", run_id=run_id, workflow_id=row.workflow, at=at, status=row.status)
        await self._hooks.call(notice)


def _write(row: RunRow, part: Json, claim: Claim) -> Write:
    first = part["first"]
    entries = [entry_from_json(first + i, data) for i, data in enumerate(part["entries"])]
    status, fingerprint, wake_at = part["head"]
    graph = graph_from_json(part["graph"]) if "graph" in part else None
    return Write(
        run_id=row.id,
        at=entries[-1].at,
        expect=first - 1,
        entries=entries,
        head=Head(
            status=status,
            fingerprint=fingerprint,
            wake_at=datetime.fromisoformat(wake_at) if wake_at is not None else None,
        ),
        claim=claim,
        opened=[e.event.suspension for e in entries if isinstance(e.event, ev.StepSuspended)],
        closed=[Closed(id=id_, state=state) for id_, state in part["closed"]],
        graph=graph,
        release=True,
        signals=row.signals,
    )
