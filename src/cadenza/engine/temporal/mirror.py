"""The mirror: what Temporal knows of a run, written into the store, so that everybody reads one thing.

Truth is the history that Temporal keeps. Parts of it come here from activities and from clients, again and in any order: a part
that is there changes nothing, one that comes too early waits for the one before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from ...clock import Clock
from ...errors import RunConflict, RunNotFound
from ...history import event as ev
from ...history.codec import entry_from_json
from ...history.record import ENDED
from ...history.snapshot import Snapshot
from ...model.graph import from_json as graph_from_json
from ...model.values import Json
from ...store.base import Claim, Closed, Head, Receipt, RunRow, Store, Write
from ..feed import Feed
from ..hooks import Hooks, Notice
from .messages import answering_from_json

_LEASE = timedelta(seconds=60)
# How often, in seconds, it is looked whether an earlier part has come.
_LOOK = 0.02
# So many runs are kept folded, for the next step of the same run.
_FOLDED = 256


class NotYet(Exception):
    """An earlier part has not come within the time that was given."""


class Mirror:
    """One process's way of writing runs into *store*, and of reading them."""

    def __init__(self, store: Store, clock: Clock, owner: str, feed: Feed, hooks: Hooks) -> None:
        self._store = store
        self._clock = clock
        self._owner = owner
        self._feed = feed
        self._hooks = hooks
        self._folded: dict[str, Snapshot] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def apply(self, run_id: str, parts: Sequence[Json], *, patience: float, tell: bool = False) -> None:
        """Write *parts* in their order; with *tell* the hooks hear of ends and of deadlines that have passed.

        Raises `NotYet` where an earlier part does not come within *patience* seconds. A run that was removed is let go.
        """
        until = time.monotonic() + patience
        for part in parts:
            try:
                while not await self._apply(run_id, part):
                    if time.monotonic() > until:
                        raise NotYet
                    await asyncio.sleep(_LOOK)  # noqa: TID251  real time: another process is at work
            except RunNotFound:
                return
            if tell:
                await self._tell(run_id, part)

    async def reach(self, run_id: str, seq: int, *, patience: float) -> None:
        """Return when the store has entry *seq* of the run.

        Raises `NotYet`.
        """
        until = time.monotonic() + patience
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
                # Refused: it was written before.
                await self._store.answer(answering_from_json(run_id, answer))
                return True
            case {"claimed": [id_, seen, claimant, at]}:
                await self._store.set_claimant(id_, seen, claimant, datetime.fromisoformat(at))
                return True
            case {"extended": [id_, deadline, due_at]}:
                due = datetime.fromisoformat(due_at) if due_at is not None else None
                await self._store.extend(id_, datetime.fromisoformat(deadline), due)
                return True
            case _:
                raise ValueError(f"a part of a newer version: {sorted(part)}")

    async def _append(self, run_id: str, part: Json) -> bool:
        first, entries = part["first"], part["entries"]
        while True:
            row = await self._store.row(run_id)
            if row is None:
                raise RunNotFound(run_id)
            if row.seq >= first + len(entries) - 1:
                return True
            if row.seq < first - 1:
                return False
            write = _write(row, part, self._claim())
            try:
                receipt = await self._store.append(write)
            except RunConflict:
                continue  # another process writes the same: look again
            await self._give_back(run_id, receipt)
            self._feed.publish(run_id, list(write.entries))
            return True

    def _claim(self) -> Claim:
        now = self._clock.now()
        return Claim(owner=self._owner, now=now, until=now + _LEASE)

    async def _give_back(self, run_id: str, receipt: Receipt) -> None:
        if not receipt.released:
            await self._store.release(run_id, receipt.epoch)

    async def _tell(self, run_id: str, part: Json) -> None:
        row = await self._store.row(run_id)
        if row is None:
            return
        if "answer" in part and part["answer"]["state"] == "expired":
            for id_, _ in part["answer"]["replies"]:
                notice = Notice(
                    kind="expired",
                    run_id=run_id,
                    workflow_id=row.workflow,
                    at=self._clock.now(),
                    suspension=await self._store.suspension(id_),
                )
                await self._hooks.call(notice)
        elif part.get("head") and part["head"][0] in ENDED and self._hooks.wanted("ended"):
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
