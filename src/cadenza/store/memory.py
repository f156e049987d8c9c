"""The memory store: for tests, and for runs that may end with their process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ..errors import RunConflict, RunNotFound
from ..history.event import Entry, Suspension
from ..history.record import ENDED, RunStatus
from ..model.graph import Graph
from .base import (
    Accepted,
    Answering,
    AnswerOutcome,
    Claim,
    Lease,
    Page,
    Presence,
    Receipt,
    Refused,
    RunQuery,
    RunRow,
    Stored,
    Write,
)


@dataclass(slots=True)
class _Run:
    row: RunRow
    status: RunStatus
    seq: int = 0
    fingerprint: str | None = None
    wake_at: datetime | None = None
    updated_at: datetime | None = None
    lease: Lease | None = None
    epoch: int = 0
    signals: int = 0
    cancel_requested: bool = False
    entries: list[Entry] = field(default_factory=list)
    suspensions: dict[str, Suspension] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def as_row(self) -> RunRow:
        return replace(
            self.row,
            status=self.status,
            seq=self.seq,
            fingerprint=self.fingerprint,
            wake_at=self.wake_at,
            updated_at=self.updated_at or self.row.updated_at,
            lease=self.lease,
            epoch=self.epoch,
            signals=self.signals,
            cancel_requested=self.cancel_requested,
        )


class MemoryStore:
    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}
        self._by_suspension: dict[str, str] = {}
        self._graphs: dict[str, Graph] = {}
        self._waiting: dict[str, asyncio.Event] = {}
        self._closed = False

    async def setup(self) -> None:
        return None

    async def close(self) -> None:
        pass

    async def create(self, run: RunRow) -> Presence:
        if run.id in self._runs:
            return "there"
        self._runs[run.id] = _Run(row=run, status=run.status)
        return "created"

    async def load(self, run_id: str) -> Stored | None:
        run = self._runs.get(run_id)
        return (
            None
            if run is None
            else Stored(
                run=run.as_row(), entries=list(run.entries), suspensions=list(run.suspensions.values())
            )
        )

    async def row(self, run_id: str) -> RunRow | None:
        run = self._runs.get(run_id)
        return None if run is None else run.as_row()

    async def entries(self, run_id: str, *, after: int = 0) -> Sequence[Entry]:
        run = self._runs.get(run_id)
        return [] if run is None else run.entries[after:]

    async def suspension(self, suspension_id: str) -> Suspension | None:
        run = self._runs.get(self._by_suspension.get(suspension_id, ""))
        return run.suspensions.get(suspension_id) if run else None

    async def graph(self, fingerprint: str) -> Graph | None:
        return self._graphs.get(fingerprint)

    async def append(self, write: Write) -> Receipt:
        run = self._runs.get(write.run_id)
        if run is None:
            raise RunNotFound(write.run_id)
        if run.seq != write.expect:
            raise RunConflict(write.run_id)
        if write.claim is not None:
            if not self._take(run, write.claim):
                raise RunConflict(write.run_id)
        elif run.lease is None or run.epoch != write.epoch:
            raise RunConflict(write.run_id)
        return self._write(run, write)

    def _take(self, run: _Run, claim: Claim) -> bool:
        if run.lease is not None and run.lease.until > claim.now and run.epoch != claim.dead:
            return False
        run.epoch += 1
        run.lease = Lease(owner=claim.owner, until=claim.until, epoch=run.epoch)
        return True

    def _write(self, run: _Run, write: Write) -> Receipt:
        run.entries.extend(write.entries)
        run.seq += len(write.entries)
        head = write.head
        run.status, run.fingerprint, run.wake_at, run.updated_at = (
            head.status,
            head.fingerprint,
            head.wake_at,
            write.at,
        )
        if write.graph is not None:
            self._graphs[write.graph.fingerprint] = write.graph
        for row in write.opened:
            run.suspensions[row.id] = row
            self._by_suspension[row.id] = write.run_id
        for closed in write.closed:
            row = run.suspensions[closed.id]
            if row.state == "open":
                run.suspensions[closed.id] = replace(row, state=closed.state, closed_at=write.at)
        run.taken.update(write.taken)
        released = write.release and write.signals == run.signals
        if released:
            run.lease = None
        if write.run_id in self._waiting:
            self._waiting.pop(write.run_id).set()
        return Receipt(
            epoch=run.epoch, signals=run.signals, cancel_requested=run.cancel_requested, released=released
        )

    async def claim(self, run_id: str, claim: Claim) -> Receipt | None:
        run = self._runs.get(run_id)
        if run is None:
            raise RunNotFound(run_id)
        if not self._take(run, claim):
            return None
        return Receipt(epoch=run.epoch, signals=run.signals, cancel_requested=run.cancel_requested)

    async def release(self, run_id: str, epoch: int) -> None:
        run = self._runs.get(run_id)
        if run is not None and run.lease is not None and run.epoch == epoch:
            run.lease = None
            if run_id in self._waiting:
                self._waiting.pop(run_id).set()

    async def answer(self, answering: Answering) -> AnswerOutcome:
        run = self._runs.get(answering.run_id)
        if run is None:
            raise RunNotFound(answering.run_id)
        rows = [
            run.suspensions[r.suspension_id] for r in answering.replies if r.suspension_id in run.suspensions
        ]
        if len(rows) < len(answering.replies) or any(r.state != "open" for r in rows):
            return Refused(rows=[r for r in rows if r.state != "open"])
        for row, reply in zip(rows, answering.replies, strict=True):
            run.suspensions[row.id] = replace(
                row,
                state="answered",
                answer=reply.data,
                actor=answering.actor,
                run_count=answering.run_count,
                context=answering.context,
                closed_at=answering.at,
            )
        write = answering.write
        if (
            write is not None
            and run.seq == write.expect
            and write.claim is not None
            and self._take(run, write.claim)
        ):
            return Accepted(receipt=self._write(run, write))
        run.signals += 1
        run.updated_at = answering.at
        if answering.run_id in self._waiting:
            self._waiting.pop(answering.run_id).set()
        return Accepted(receipt=None)

    async def request_cancel(self, run_id: str, at: datetime) -> bool:
        run = self._runs.get(run_id)
        if run is None:
            raise RunNotFound(run_id)
        if run.status in ENDED or run.cancel_requested:
            return False
        run.cancel_requested = True
        run.signals += 1
        return True

    async def find(self, query: RunQuery) -> Page:
        rows = [r.as_row() for r in reversed(self._runs.values())]
        rows = [
            r
            for r in rows
            if (query.workflow is None or r.workflow == query.workflow)
            and (query.status is None or r.status in query.status)
            and (query.resource is None or r.resource == query.resource)
        ]
        return Page(runs=rows[query.offset :][: query.limit], total=len(rows))

    async def delete(self, run_id: str) -> bool:
        return self._runs.pop(run_id, None) is not None

    async def wait(self, run_id: str, seen: RunRow, timeout: float) -> None:  # noqa: ASYNC109  a bound, not a failure
        event = self._waiting.setdefault(run_id, asyncio.Event())
        try:
            async with asyncio.timeout(timeout):
                await event.wait()
        except TimeoutError:
            pass
