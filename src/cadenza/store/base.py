"""Store: where history is kept. The contract that every store meets; `cadenza.testing.store_suite` exercises it.

One transaction per method, all or nothing, and durable on return. Only the holder of a run's lease appends to its journal;
an answer changes the suspension's row alone (and takes the lease where nobody holds it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from ..history.event import Entry, Suspension
from ..history.record import RunStatus
from ..model.graph import Graph
from .messages import (
    Accepted,
    Answering,
    AnswerOutcome,
    Claim,
    Claimed,
    Closed,
    Counted,
    Due,
    DueRow,
    Head,
    KeptEvent,
    Lease,
    Missed,
    Page,
    Presence,
    Receipt,
    Refused,
    Reply,
    RunQuery,
    RunRow,
    Stored,
    SuspensionQuery,
    Wanted,
    Write,
)
from .schedule_rows import DueSchedules, Fire, Schedule

__all__ = [
    "Accepted",
    "AnswerOutcome",
    "Answering",
    "Claim",
    "Claimed",
    "Closed",
    "Counted",
    "Due",
    "DueRow",
    "DueSchedules",
    "Fire",
    "Head",
    "KeptEvent",
    "Lease",
    "Missed",
    "Page",
    "Presence",
    "Receipt",
    "Refused",
    "Reply",
    "RunQuery",
    "RunRow",
    "Schedule",
    "Store",
    "Stored",
    "SuspensionQuery",
    "Wanted",
    "Write",
]


class Store(Protocol):
    """Where runs are kept. Unknown runs raise `RunNotFound`, a lost lease or a foreign entry `RunConflict`."""

    async def setup(self) -> None:
        """Open, and bring the tables up to date. Called by itself before the first use; again does nothing."""
        ...

    async def close(self) -> None:
        """Finish what was begun and close. Again does nothing; later calls raise `StoreClosed`."""
        ...

    async def create(self, run: RunRow) -> Presence:
        """Keep *run* as `pending`, or leave the one with its id as it is and say "there"."""
        ...

    async def load(self, run_id: str) -> Stored | None:
        """The run, its entries and suspension rows, as of one moment."""
        ...

    async def row(self, run_id: str) -> RunRow | None:
        """The run's row alone."""
        ...

    async def entries(self, run_id: str, *, after: int = 0, limit: int | None = None) -> Sequence[Entry]:
        """The entries with a number above *after*, in order, the first *limit* of them; none for an unknown run."""
        ...

    async def suspension(self, suspension_id: str) -> Suspension | None:
        """One suspension's row."""
        ...

    async def graph(self, fingerprint: str) -> Graph | None:
        """A pinned graph."""
        ...

    async def append(self, write: Write) -> Receipt:
        """Make *write*. The same write again changes nothing and gives a receipt.

        Raises `RunConflict` where the lease is another's or the journal has gone on; nothing is written then.
        """
        ...

    async def claim(self, run_id: str, claim: Claim) -> Receipt | None:
        """Take the lease, or None where somebody else holds it or the run has ended."""
        ...

    async def claim_due(self, wanted: Wanted) -> Sequence[Claimed]:
        """Take the leases of runs that need a driver. Many who ask at once get different ones."""
        ...

    async def renew(self, owner: str, until: datetime) -> Sequence[str]:
        """Let all leases of *owner* last until then; the ids of the runs whose lease it holds."""
        ...

    async def release(self, run_id: str, epoch: int) -> None:
        """Give the lease back, if it is still held with *epoch*."""
        ...

    async def owners(self) -> Sequence[str]:
        """Who holds leases now, each once."""
        ...

    async def answer(self, answering: Answering) -> AnswerOutcome:
        """Compare and set the suspension rows."""
        ...

    async def request_cancel(self, run_id: str, at: datetime) -> bool:
        """Note that the run is to stop, for its driver to see. False where it has ended, or was asked already."""
        ...

    async def touch(self, run_id: str, at: datetime) -> None:
        """Let the run count as written to at *at*, unless it was later, for those who follow what changes.

        For what its row does not show: who has claimed a question, until when it can be answered.
        """
        ...

    # What time brings to suspensions: `due_at` is when next something is to be done about one that is open; or about one that
    # has expired, of which somebody is still to be told. Elsewhere it means nothing.

    async def due(self, due: Due) -> Sequence[DueRow]:
        """Open and expired rows whose `due_at` has come, the earliest first."""
        ...

    async def put_off(
        self, suspension_id: str, seen: datetime | None, due_at: datetime | None, *, told: int
    ) -> bool:
        """Set `due_at` and `told` of an open or expired row, where `due_at` is *seen*: of many who try at once one succeeds."""
        ...

    async def set_claimant(
        self, suspension_id: str, seen: str | None, claimant: str | None, at: datetime
    ) -> bool:
        """Let *claimant* (None: nobody) have claimed an open row, where *seen* has: of many who try at once one succeeds."""
        ...

    async def extend(self, suspension_id: str, deadline: datetime | None, due_at: datetime | None) -> bool:
        """Give an open row another deadline; False where it is not open."""
        ...

    async def next_due(self, due: Due) -> datetime | None:
        """The earliest `wake_at` of a run at rest or `due_at` of such a row that has not come yet, or None."""
        ...

    async def suspensions(self, query: SuspensionQuery) -> Sequence[Suspension]:
        """The suspension rows that match."""
        ...

    async def count_suspensions(self, query: SuspensionQuery) -> int:
        """How many suspension rows match, whatever the page."""
        ...

    # Events that came before anybody waited.

    async def keep_event(self, event: KeptEvent) -> None:
        """Keep *event*; with an id that is there already nothing happens."""
        ...

    async def kept_events(self, name: str, now: datetime) -> Sequence[KeptEvent]:
        """The events of that name that are kept beyond *now*, oldest first."""
        ...

    async def drop_event(self, event_id: str) -> bool:
        """Remove a kept event; False where it is gone."""
        ...

    # Schedules: rows that change by compare-and-set on their version, and what they started.

    async def add_schedule(self, schedule: Schedule) -> bool:
        """Keep a new schedule; False where there is one with its id."""
        ...

    async def schedule(self, schedule_id: str) -> Schedule | None:
        """One schedule."""
        ...

    async def schedules(self, workflow: str | None = None) -> Sequence[Schedule]:
        """All schedules, or those of one workflow, the oldest first."""
        ...

    async def change_schedule(self, schedule: Schedule, fire: Fire | None = None) -> bool:
        """Let *schedule* stand for the one with its id, and keep *fire*, where that has the version before.

        Of many who try at once one succeeds. A fire of a run that is known already is left as it is.
        """
        ...

    async def delete_schedule(self, schedule_id: str) -> bool:
        """Remove a schedule and the history of its fires (no runs); False where there is none."""
        ...

    async def due_schedules(self, due: DueSchedules) -> Sequence[Schedule]:
        """The schedules that are due."""
        ...

    async def next_schedule(self, due: DueSchedules) -> datetime | None:
        """When the first of those that are not due yet will be, or None."""
        ...

    async def fires(
        self,
        schedule_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
    ) -> Sequence[Fire]:
        """When a schedule fired, the latest first; *since* and *until* are inclusive."""
        ...

    async def find(self, query: RunQuery) -> Page:
        """The runs that match."""
        ...

    async def counts(self, query: RunQuery) -> Mapping[str, Counted]:
        """How the runs that match stand, by workflow, whatever the page; workflows without one are left out."""
        ...

    async def recent(self, since: datetime) -> Sequence[RunRow]:
        """The runs that were last written to at *since* or later, in no order.

        There is no index for it, as that would be changed with every write: each run's row is looked at.
        """
        ...

    async def prune(self, before: datetime, statuses: Sequence[RunStatus], limit: int) -> int:
        """Remove runs in one of *statuses* that were last written to before then, at most *limit*; how many.

        With their entries and suspensions; also events that nobody took in time. Runs that somebody drives stay.
        """
        ...

    async def delete(self, run_id: str) -> bool:
        """Remove the run with its entries and suspensions; False where there is none."""
        ...

    async def wait(self, run_id: str, seen: RunRow, timeout: float) -> None:  # noqa: ASYNC109  a bound, not a failure
        """Return when the run's row may differ from *seen*, or after *timeout* seconds."""
        ...

    async def signals(self, run_ids: Sequence[str]) -> Mapping[str, int]:
        """What has been put in for these runs, as their rows' `signals`; unknown runs are left out."""
        ...

    async def changed(self, timeout: float, *, soon: bool = True) -> None:  # noqa: ASYNC109  a bound, not a failure
        """Return when another process may have written, or after *timeout* seconds.

        Who need not know it *soon* may hear of it a tenth of a second later, where that costs less.
        """
        ...
