"""The memory store: for tests, and for runs that may end with their process.

Nothing is copied and nothing encoded: what comes in is isolated already. No method waits in the middle, so each is one
transaction on the event loop that uses the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..errors import RunConflict, RunNotFound
from ..history.due import TIMED
from ..history.event import Entry, Suspension
from ..history.record import ENDED, RunStatus
from ..model.graph import Graph
from ..model.value import altered
from .again import told_again
from .base import (
    Accepted,
    Answering,
    AnswerOutcome,
    Claim,
    Claimed,
    Counted,
    Due,
    DueRow,
    Lease,
    Missed,
    Page,
    Presence,
    Receipt,
    Refused,
    RunQuery,
    RunRow,
    Stored,
    SuspensionQuery,
    Wanted,
    Write,
)
from .bounded import within
from .memory_run import Run, counted, matches, means
from .memory_schedules import MemorySchedules


class MemoryStore(MemorySchedules):
    """Runs that are gone when this object is."""

    def __init__(self) -> None:
        super().__init__()
        self._runs: dict[str, Run] = {}
        self._by_suspension: dict[str, str] = {}
        self._graphs: dict[str, Graph] = {}
        self._waiters: dict[str, set[asyncio.Event]] = {}
        self._curious: set[asyncio.Event] = set()

    async def setup(self) -> None:
        """Open nothing: there is nothing."""
        self._check_open()

    async def close(self) -> None:
        """Take no more calls."""
        self._closed = True
        for run_id in list(self._waiters):
            self._wake(run_id)
        for changed in self._curious:
            changed.set()

    def _find(self, run_id: str) -> Run | None:
        self._check_open()
        return self._runs.get(run_id)

    def _get(self, run_id: str) -> Run:
        run = self._find(run_id)
        if run is None:
            raise RunNotFound(run_id)
        return run

    # ------------------------------------------------------------------ reading

    async def load(self, run_id: str) -> Stored | None:
        """The run, its entries and suspension rows, as of one moment."""
        run = self._find(run_id)
        if run is None:
            return None
        return Stored(run=run.as_row(), entries=list(run.entries), suspensions=list(run.suspensions.values()))

    async def row(self, run_id: str) -> RunRow | None:
        """The run's row alone."""
        run = self._find(run_id)
        return None if run is None else run.as_row()

    async def entries(self, run_id: str, *, after: int = 0, limit: int | None = None) -> Sequence[Entry]:
        """The entries with a number above *after*, in order."""
        run = self._find(run_id)
        return [] if run is None else run.entries[max(after, 0) :][:limit]

    async def suspension(self, suspension_id: str) -> Suspension | None:
        """One suspension's row."""
        run = self._find(self._by_suspension.get(suspension_id, ""))
        return run.suspensions.get(suspension_id) if run else None

    async def graph(self, fingerprint: str) -> Graph | None:
        """A pinned graph."""
        self._check_open()
        return self._graphs.get(fingerprint)

    async def find(self, query: RunQuery) -> Page:
        """The runs that match."""
        self._check_open()
        found = [run for run in self._runs.values() if matches(run, query)]
        found.sort(key=lambda run: run.row.id)
        found.sort(key=lambda run: run.row.created_at, reverse=True)
        page = found[query.offset :][: query.limit]
        return Page(runs=[run.as_row() for run in page], total=len(found))

    async def counts(self, query: RunQuery) -> Mapping[str, Counted]:
        """How the runs that match stand, by workflow."""
        self._check_open()
        return counted(run for run in self._runs.values() if matches(run, query))

    async def recent(self, since: datetime) -> Sequence[RunRow]:
        """The runs that were last written to at *since* or later."""
        self._check_open()
        return [run.as_row() for run in self._runs.values() if run.updated_at >= since]

    # ------------------------------------------------------------------ writing

    async def create(self, run: RunRow) -> Presence:
        """Keep *run* as `pending`, or leave the one with its id as it is and say "there"."""
        if self._find(run.id) is not None:
            return "there"
        self._runs[run.id] = Run(row=run, status=run.status, updated_at=run.created_at)
        self._wake(run.id)
        return "created"

    async def append(self, write: Write) -> Receipt:
        """Make *write*."""
        run = self._get(write.run_id)
        if run.has_heard(write) and run.may_write(write):
            return self._write(run, write)
        receipt = told_again(write, run.as_row(), there=run.has_written(write))
        if receipt is None:
            raise RunConflict(write.run_id)
        return receipt

    def _write(self, run: Run, write: Write) -> Receipt:
        run.entries.extend(write.entries)
        run.seq += len(write.entries)
        head = write.head
        if head is not None:
            run.status, run.fingerprint, run.wake_at = head.status, head.fingerprint, head.wake_at
        run.updated_at = write.at
        if write.reopen:
            run.cancel_requested = False
        if write.graph is not None:
            self._graphs[write.graph.fingerprint] = write.graph
        for row in write.opened:
            run.suspensions[row.id] = row
            self._by_suspension[row.id] = write.run_id
        for closed in write.closed:
            row = run.suspensions[closed.id]
            if row.state == "open":
                run.suspensions[closed.id] = altered(
                    row, state=closed.state, reason=closed.reason, closed_at=write.at
                )
        released = write.release and (write.heed or write.signals == run.signals)
        if released:
            run.lease = None
            run.heard = run.signals
        self._wake(write.run_id)
        return run.receipt(released=released)

    async def claim(self, run_id: str, claim: Claim) -> Receipt | None:
        """Take the lease, or None where somebody else holds it or the run has ended."""
        run = self._get(run_id)
        if run.status in ENDED or not run.take(claim):
            return None
        self._wake(run_id)
        return run.receipt()

    async def release(self, run_id: str, epoch: int) -> None:
        """Give the lease back, if it is still held with *epoch*."""
        run = self._find(run_id)
        if run is not None and run.lease is not None and run.epoch == epoch:
            run.lease = None
            self._wake(run_id)

    async def answer(self, answering: Answering) -> AnswerOutcome:
        """Compare and set the suspension rows."""
        run = self._get(answering.run_id)
        named = [
            run.suspensions.get(id_)
            for id_ in (*[r.suspension_id for r in answering.replies], *answering.closes)
        ]
        rows = [row for row in named if row is not None]
        shut = [row for row in rows if row.state != "open"]
        if shut or len(rows) < len(named):
            return Refused(rows=shut)
        if run.has_moved(answering, rows, self._events):
            return Missed()
        for row, reply in zip(rows, answering.replies, strict=False):
            run.suspensions[row.id] = answering.closed(row, reply.data)
        for id_ in answering.closes:
            run.suspensions[id_] = answering.outdone(run.suspensions[id_])
        if answering.consumes is not None:
            del self._events[answering.consumes]
        write = answering.write
        if write is not None and run.may_write(write):
            return Accepted(receipt=self._write(run, write))
        self._signal(run, answering.at)
        return Accepted(receipt=None)

    async def request_cancel(self, run_id: str, at: datetime) -> bool:
        """Note that the run is to stop, for its driver to see."""
        run = self._get(run_id)
        if run.status in ENDED or run.cancel_requested:
            return False
        run.cancel_requested = True
        self._signal(run, at)
        return True

    async def touch(self, run_id: str, at: datetime) -> None:
        """Let the run count as written to at *at*."""
        if (run := self._find(run_id)) is not None:
            self._tell(run, max(run.updated_at, at))

    def _signal(self, run: Run, at: datetime) -> None:
        run.signals += 1
        self._tell(run, at)

    def _tell(self, run: Run, at: datetime) -> None:
        run.updated_at = at
        for changed in self._curious:
            changed.set()
        self._wake(run.row.id)

    async def claim_due(self, wanted: Wanted) -> Sequence[Claimed]:
        """Take the leases of runs that need a driver."""
        self._check_open()
        found = [run for run in self._runs.values() if run.needs(wanted)]
        found.sort(key=lambda run: (run.wake_at or run.updated_at, run.row.id))
        for run in found[: wanted.limit]:
            run.give_lease(wanted.owner, wanted.until)
            self._wake(run.row.id)
        return [Claimed(run_id=run.row.id, receipt=run.receipt()) for run in found[: wanted.limit]]

    async def renew(self, owner: str, until: datetime) -> Sequence[str]:
        """Let all leases of *owner* last until then."""
        self._check_open()
        held = [run for run in self._runs.values() if run.lease is not None and run.lease.owner == owner]
        for run in held:
            run.lease = Lease(owner=owner, until=until, epoch=run.epoch)
        return [run.row.id for run in held]

    async def owners(self) -> Sequence[str]:
        """Who holds leases now, each once."""
        self._check_open()
        return sorted({run.lease.owner for run in self._runs.values() if run.lease is not None})

    async def prune(self, before: datetime, statuses: Sequence[RunStatus], limit: int) -> int:
        """Remove runs in one of *statuses* that were last written to before then."""
        self._check_open()
        for event in [event for event in self._events.values() if event.until < before]:
            del self._events[event.id]
        old = [
            run.row.id
            for run in self._runs.values()
            if run.status in statuses and run.updated_at < before and run.lease is None
        ]
        for run_id in old[:limit]:
            await self.delete(run_id)
        return len(old[:limit])

    async def delete(self, run_id: str) -> bool:
        """Remove the run with its entries and suspensions; False where there is none."""
        run = self._find(run_id)
        if run is None:
            return False
        del self._runs[run_id]
        for suspension_id in run.suspensions:
            del self._by_suspension[suspension_id]
        self._wake(run_id)
        return True

    # ------------------------------------------------------------------ what time brings, and events

    def _rows(self) -> Iterator[Suspension]:
        self._check_open()
        return (row for run in self._runs.values() for row in run.suspensions.values())

    def _change(self, suspension_id: str, **fields: Any) -> None:
        run = self._runs[self._by_suspension[suspension_id]]
        run.suspensions[suspension_id] = altered(run.suspensions[suspension_id], **fields)

    async def due(self, due: Due) -> Sequence[DueRow]:
        """Rows whose `due_at` has come, the earliest first."""
        found = [
            (row.due_at, row.id, row.run_id)
            for run in self._concerned(due)
            for row in run.timed
            if row.due_at is not None and row.due_at <= due.now and row.run_id not in due.skip
        ]
        return [DueRow(id=id_, run_id=run_id) for _, id_, run_id in sorted(found)[: due.limit]]

    def _concerned(self, due: Due) -> list[Run]:
        self._check_open()
        return [
            run
            for run in self._runs.values()
            if run.row.engine == due.engine and run.row.workflow in due.workflows
        ]

    async def put_off(
        self, suspension_id: str, seen: datetime | None, due_at: datetime | None, *, told: int
    ) -> bool:
        """Set `due_at` and `told` of a row, where `due_at` is *seen*."""
        row = await self.suspension(suspension_id)
        if row is None or row.state not in TIMED or row.due_at != seen:
            return False
        self._change(suspension_id, due_at=due_at, told=told)
        return True

    async def set_claimant(
        self, suspension_id: str, seen: str | None, claimant: str | None, at: datetime
    ) -> bool:
        """Let *claimant* have claimed an open row, where *seen* has."""
        row = await self.suspension(suspension_id)
        if row is None or row.state != "open" or row.claimed_by != seen:
            return False
        self._change(suspension_id, claimed_by=claimant, claimed_at=at if claimant is not None else None)
        return True

    async def extend(self, suspension_id: str, deadline: datetime | None, due_at: datetime | None) -> bool:
        """Give an open row another deadline."""
        row = await self.suspension(suspension_id)
        if row is None or row.state != "open":
            return False
        self._change(suspension_id, deadline=deadline, due_at=due_at)
        return True

    async def next_due(self, due: Due) -> datetime | None:
        """The earliest `wake_at` of a run at rest or `due_at` of a row that has not come yet, or None."""
        concerned = self._concerned(due)
        rows = [row.due_at for run in concerned for row in run.timed]
        runs = [run.wake_at for run in concerned if run.lease is None]
        return min((at for at in (*rows, *runs) if at is not None and at > due.now), default=None)

    async def suspensions(self, query: SuspensionQuery) -> Sequence[Suspension]:
        """The suspension rows that match."""
        found = list(self._meant(query))
        found.sort(key=lambda row: (row.opened_at, row.id))
        return found[query.offset :][: query.limit]

    async def count_suspensions(self, query: SuspensionQuery) -> int:
        """How many suspension rows match."""
        return sum(1 for _ in self._meant(query))

    def _meant(self, query: SuspensionQuery) -> Iterator[Suspension]:
        return (row for row in self._rows() if means(query, row, self._runs[row.run_id].row.resource))

    # ------------------------------------------------------------------ waiting

    async def wait(self, run_id: str, seen: RunRow, timeout: float) -> None:  # noqa: ASYNC109  a bound, not a failure
        """Return when the run's row may differ from *seen*, or after *timeout* seconds."""
        run = self._find(run_id)
        if run is None or run.as_row() != seen:
            return
        changed = asyncio.Event()
        self._waiters.setdefault(run_id, set()).add(changed)
        try:
            await within(timeout, changed)
        finally:
            if (waiters := self._waiters.get(run_id)) is not None:
                waiters.discard(changed)
                if not waiters:
                    del self._waiters[run_id]

    async def signals(self, run_ids: Sequence[str]) -> Mapping[str, int]:
        """What has been put in for these runs."""
        self._check_open()
        return {id_: self._runs[id_].signals for id_ in run_ids if id_ in self._runs}

    async def changed(self, timeout: float, *, soon: bool = True) -> None:  # noqa: ASYNC109  a bound, not a failure
        """Return when another user of this store has put something in, or after *timeout* seconds."""
        self._check_open()
        changed = asyncio.Event()
        self._curious.add(changed)
        try:
            await within(timeout, changed)
        finally:
            self._curious.discard(changed)

    def _wake(self, run_id: str) -> None:
        if run_id in self._waiters:
            for changed in self._waiters.pop(run_id):
                changed.set()
