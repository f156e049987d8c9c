"""The memory store: for tests, and for runs that may end with their process.

Nothing is copied and nothing encoded: what comes in is isolated already. No method waits in the middle, so each is one
transaction on the event loop that uses the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ..errors import RunConflict, RunNotFound, StoreClosed
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
    """A run as it changes: making a new frozen row with each write would cost more than the write."""

    row: RunRow
    status: RunStatus
    updated_at: datetime
    seq: int = 0
    fingerprint: str | None = None
    wake_at: datetime | None = None
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
            updated_at=self.updated_at,
            lease=self.lease,
            epoch=self.epoch,
            signals=self.signals,
            cancel_requested=self.cancel_requested,
        )

    def take(self, claim: Claim) -> bool:
        """Give the lease to *claim*, if it may have it."""
        if self.lease is not None and self.lease.until > claim.now and self.epoch != claim.dead:
            return False
        self.epoch += 1
        self.lease = Lease(owner=claim.owner, until=claim.until, epoch=self.epoch)
        return True

    def may_write(self, write: Write) -> bool:
        """Whether *write* comes from who holds the lease, or takes it now, and is the next."""
        if self.seq != write.expect:
            return False
        if write.claim is not None:
            return self.take(write.claim)
        return self.lease is not None and self.epoch == write.epoch

    def has_written(self, write: Write) -> bool:
        """Whether *write* is there already, and its writer still drives the run, or gave the lease back with it."""
        at, wanted = write.expect, list(write.entries)
        if not wanted or self.entries[at : at + len(wanted)] != wanted:
            return False
        if write.claim is None:
            return self.epoch == write.epoch
        return write.release if self.lease is None else self.lease.owner == write.claim.owner

    def receipt(self, *, released: bool = False) -> Receipt:
        return Receipt(
            epoch=self.epoch, signals=self.signals, cancel_requested=self.cancel_requested, released=released
        )


class MemoryStore:
    """Runs that are gone when this object is."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}
        self._by_suspension: dict[str, str] = {}
        self._graphs: dict[str, Graph] = {}
        self._waiters: dict[str, set[asyncio.Event]] = {}
        self._closed = False

    async def setup(self) -> None:
        """There is nothing to open."""
        self._check_open()

    async def close(self) -> None:
        """Take no more calls."""
        self._closed = True
        for run_id in list(self._waiters):
            self._wake(run_id)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosed

    def _find(self, run_id: str) -> _Run | None:
        self._check_open()
        return self._runs.get(run_id)

    def _get(self, run_id: str) -> _Run:
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

    async def entries(self, run_id: str, *, after: int = 0) -> Sequence[Entry]:
        """The entries with a number above *after*, in order."""
        run = self._find(run_id)
        return [] if run is None else run.entries[max(after, 0) :]

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
        found = [run for run in self._runs.values() if _matches(run, query)]
        found.sort(key=lambda run: run.row.id)
        found.sort(key=lambda run: run.row.created_at, reverse=True)
        page = found[query.offset :][: query.limit]
        return Page(runs=[run.as_row() for run in page], total=len(found))

    # ------------------------------------------------------------------ writing

    async def create(self, run: RunRow) -> Presence:
        """Keep *run* as `pending`, or leave the one with its id as it is and say "there"."""
        if self._find(run.id) is not None:
            return "there"
        self._runs[run.id] = _Run(row=run, status=run.status, updated_at=run.created_at)
        self._wake(run.id)
        return "created"

    async def append(self, write: Write) -> Receipt:
        """Make *write*."""
        run = self._get(write.run_id)
        if run.may_write(write):
            return self._write(run, write)
        if run.has_written(write):
            return run.receipt(released=run.lease is None)
        raise RunConflict(write.run_id)

    def _write(self, run: _Run, write: Write) -> Receipt:
        run.entries.extend(write.entries)
        run.seq += len(write.entries)
        head = write.head
        if head is not None:
            run.status, run.fingerprint, run.wake_at = head.status, head.fingerprint, head.wake_at
        run.updated_at = write.at
        if write.graph is not None:
            self._graphs[write.graph.fingerprint] = write.graph
        for row in write.opened:
            run.suspensions[row.id] = row
            self._by_suspension[row.id] = write.run_id
        for closed in write.closed:
            row = run.suspensions[closed.id]
            if row.state == "open":
                run.suspensions[closed.id] = replace(row, state=closed.state, closed_at=write.at)
        if write.taken:
            run.taken.update(write.taken)
        released = write.release and write.signals == run.signals
        if released:
            run.lease = None
        self._wake(write.run_id)
        return run.receipt(released=released)

    async def claim(self, run_id: str, claim: Claim) -> Receipt | None:
        """Take the lease, or None where somebody else holds it."""
        run = self._get(run_id)
        if not run.take(claim):
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
        named = [run.suspensions.get(reply.suspension_id) for reply in answering.replies]
        rows = [row for row in named if row is not None]
        shut = [row for row in rows if row.state != "open"]
        if shut or len(rows) < len(named):
            return Refused(rows=shut)
        for row, reply in zip(rows, answering.replies, strict=True):
            run.suspensions[row.id] = replace(
                row,
                state="answered",
                answer=reply.data,
                actor=answering.actor,
                run_count=answering.run_count,
                context=dict(answering.context),
                closed_at=answering.at,
            )
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

    def _signal(self, run: _Run, at: datetime) -> None:
        run.signals += 1
        run.updated_at = at
        self._wake(run.row.id)

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

    # ------------------------------------------------------------------ waiting

    async def wait(self, run_id: str, seen: RunRow, timeout: float) -> None:  # noqa: ASYNC109  a bound, not a failure
        """Return when the run's row may differ from *seen*, or after *timeout* seconds."""
        if await self.row(run_id) != seen:
            return
        changed = asyncio.Event()
        self._waiters.setdefault(run_id, set()).add(changed)
        try:
            async with asyncio.timeout(timeout):
                await changed.wait()
        except TimeoutError:
            pass
        finally:
            if (waiters := self._waiters.get(run_id)) is not None:
                waiters.discard(changed)
                if not waiters:
                    del self._waiters[run_id]

    def _wake(self, run_id: str) -> None:
        if run_id in self._waiters:
            for changed in self._waiters.pop(run_id):
                changed.set()


def _matches(run: _Run, query: RunQuery) -> bool:
    row = run.row
    return (
        (query.workflow is None or row.workflow == query.workflow)
        and (query.status is None or run.status in query.status)
        and (query.resource is None or row.resource == query.resource)
        and (query.id_prefix is None or row.id.startswith(query.id_prefix))
        and (query.created_from is None or row.created_at >= query.created_from)
        and (query.created_to is None or row.created_at <= query.created_to)
    )
