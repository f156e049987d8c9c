"""A run of the memory store: what it holds of one, and what may be done with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ..history.due import TIMED
from ..history.event import Entry, Suspension
from ..history.record import RESTING, RunStatus
from ..model.value import altered
from .base import Answering, Claim, Counted, Lease, Receipt, RunQuery, RunRow, SuspensionQuery, Wanted, Write


@dataclass(slots=True)
class Run:
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
    heard: int = 0
    cancel_requested: bool = False
    entries: list[Entry] = field(default_factory=list)
    suspensions: dict[str, Suspension] = field(default_factory=dict)

    def as_row(self) -> RunRow:
        return altered(
            self.row,
            status=self.status,
            seq=self.seq,
            fingerprint=self.fingerprint,
            wake_at=self.wake_at,
            updated_at=self.updated_at,
            lease=self.lease,
            epoch=self.epoch,
            signals=self.signals,
            heard=self.heard,
            cancel_requested=self.cancel_requested,
        )

    @property
    def timed(self) -> list[Suspension]:
        """The rows at which something can be due."""
        return [row for row in self.suspensions.values() if row.state in TIMED]

    def take(self, claim: Claim) -> bool:
        """Give the lease to *claim*, if it may have it."""
        if self.lease is not None and self.lease.until > claim.now and self.epoch != claim.dead:
            return False
        self.give_lease(claim.owner, claim.until)
        return True

    def give_lease(self, owner: str, until: datetime) -> None:
        """Let *owner* drive from now on."""
        self.epoch += 1
        self.lease = Lease(owner=owner, until=until, epoch=self.epoch)

    def needs(self, wanted: Wanted) -> bool:
        """Whether the run needs a driver and *wanted* may have it."""
        lease = self.lease
        free = (
            lease is None
            or lease.owner in wanted.dead
            or (lease.until <= wanted.now and lease.owner not in wanted.live)
        )
        return (
            free
            and self.row.engine == wanted.engine
            and self.row.workflow in wanted.workflows
            and self.row.id not in wanted.skip
            and self.status not in RESTING
            and (
                lease is not None
                or self.status == "running"
                or self.signals > self.heard
                or (self.wake_at is not None and self.wake_at <= wanted.now)
            )
        )

    def may_write(self, write: Write) -> bool:
        """Whether *write* comes from who holds the lease, or takes it now, and is the next."""
        if self.seq != write.expect:
            return False
        if write.claim is not None:
            return self.take(write.claim)
        return self.lease is not None and self.epoch == write.epoch

    def has_heard(self, write: Write) -> bool:
        """Whether nothing was put in that the writer of *write* has not seen, if it heeds that."""
        return not write.heed or write.claim is not None or write.signals == self.signals

    def has_written(self, write: Write) -> bool:
        """Whether the entries of *write* are there already."""
        at, wanted = write.expect, list(write.entries)
        return bool(wanted) and self.entries[at : at + len(wanted)] == wanted

    def has_moved(self, answering: Answering, rows: Sequence[Suspension], events: Container[str]) -> bool:
        """Whether what *answering* makes a condition no longer holds; *rows* are those that it means."""
        due, replied = answering.due, rows[: len(answering.replies)]
        early = due is not None and any(row.deadline is None or row.deadline > due for row in replied)
        claimed = answering.unclaimed and any(
            row.claimed_by not in {None, answering.actor} for row in replied
        )
        gone = answering.consumes is not None and answering.consumes not in events
        moved = answering.expect is not None and answering.expect != (self.seq, self.signals)
        return early or claimed or gone or moved

    def receipt(self, *, released: bool = False) -> Receipt:
        return Receipt(
            epoch=self.epoch, signals=self.signals, cancel_requested=self.cancel_requested, released=released
        )


def matches(run: Run, query: RunQuery) -> bool:
    """Whether *query* means *run*."""
    row = run.row
    return (
        (query.workflow is None or row.workflow == query.workflow)
        and (query.status is None or run.status in query.status)
        and (query.resource is None or row.resource == query.resource)
        and (query.id_prefix is None or row.id.startswith(query.id_prefix))
        and (query.created_from is None or row.created_at >= query.created_from)
        and (query.created_to is None or row.created_at <= query.created_to)
    )


def counted(runs: Iterable[Run]) -> Mapping[str, Counted]:
    """How *runs* stand, by workflow."""
    by_workflow: dict[str, list[Run]] = {}
    for run in runs:
        by_workflow.setdefault(run.row.workflow, []).append(run)
    return {
        workflow: Counted(
            runs=Counter(run.status for run in found),
            open=sum(row.state == "open" for run in found for row in run.suspensions.values()),
        )
        for workflow, found in by_workflow.items()
    }


def means(query: SuspensionQuery, row: Suspension, resource: str | None) -> bool:
    """Whether *query* means *row*, whose run is of *resource*."""
    return (
        (query.run_id is None or row.run_id == query.run_id)
        and (query.run_ids is None or row.run_id in query.run_ids)
        and (query.event is None or row.event == query.event)
        and (query.state is None or row.state == query.state)
        and (query.workflow is None or row.workflow == query.workflow)
        and (query.label is None or query.label in row.labels)
        and (query.assignee is None or query.assignee in row.assigned)
        and (query.claimed_by is None or row.claimed_by == query.claimed_by)
        and (query.resource is None or resource == query.resource)
        and (query.opened_to is None or row.opened_at <= query.opened_to)
    )
