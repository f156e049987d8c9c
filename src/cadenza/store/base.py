"""Store: where history is kept. The contract that every store meets; `cadenza.testing.store_suite` exercises it.

One transaction per method, all or nothing, and durable on return. Only the holder of a run's lease appends to its journal;
an answer changes the suspension's row alone (and takes the lease where nobody holds it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from ..history.event import Entry, Suspension, SuspensionState
from ..history.record import RunStatus
from ..model.graph import Graph
from ..model.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to drive a run. `epoch` grows by one each time it is taken; `until` is when it runs out unless renewed."""

    owner: str
    until: datetime
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """What is kept of a run beside its journal. `seq` is the number of the last entry, 0 before the first.

    `signals` counts what others have put in for the driver: answers and cancel requests; `heard` is how many of them the
    last driver had taken in when it gave the lease back. `wake_at` is when the first timer of a run at rest is due.
    """

    id: str
    workflow: str
    engine: str
    created_at: datetime
    updated_at: datetime
    status: RunStatus = "pending"
    seq: int = 0
    resource: str | None = None
    fingerprint: str | None = None
    wake_at: datetime | None = None
    lease: Lease | None = None
    epoch: int = 0
    signals: int = 0
    heard: int = 0
    cancel_requested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A run in one read. `suspensions` are all its rows, in the order in which they were opened."""

    run: RunRow
    entries: Sequence[Entry]
    suspensions: Sequence[Suspension]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How the run's row stands after a write."""

    status: RunStatus
    fingerprint: str | None
    wake_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who wants the lease.

    It is given where there is none, where it has run out at `now`, or where it has the epoch `dead`, whose owner the
    claimer has found to be gone.
    """

    owner: str
    now: datetime
    until: datetime
    dead: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which runs a worker takes up, and for whom.

    Runs of `engine` and one of `workflows` that are neither pending, held nor ended, whose lease is free, has run out at `now`
    (unless it belongs to one of the owners `live`) or belongs to one of the owners `dead`, and which need a driver: they had
    one (a lease, or the status `running`), their `wake_at` has come, or something was put in for them that no driver has
    heard. At most `limit`, those due longest first.
    """

    engine: str
    workflows: Sequence[str]
    owner: str
    now: datetime
    until: datetime
    dead: Sequence[str] = ()
    live: Sequence[str] = ()
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A run that a worker got the lease of."""

    run_id: str
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A suspension row that leaves the state `open` without an answer. `reason` is for people."""

    id: str
    state: SuspensionState
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """What a driver appends, in one transaction.

    `head` is None where it stands as the writer's last write left it. `entries` are numbered from `expect + 1`; the run's `seq` must be `expect`. The writer holds the lease with `epoch`, or
    takes it by `claim`. `opened` become rows, `closed` leave `open`, `taken` are answered rows whose answer is in the journal
    now. `cancel` says that the cancel request was heeded. With `release` the lease is given back, unless `signals` (what the
    writer has seen of the row's) is no longer the row's.
    """

    run_id: str
    at: datetime
    expect: int
    entries: Sequence[Entry]
    head: Head | None
    epoch: int = 0
    claim: Claim | None = None
    opened: Sequence[Suspension] = ()
    closed: Sequence[Closed] = ()
    taken: Sequence[str] = ()
    graph: Graph | None = None
    release: bool = False
    signals: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a write or claim found. `released` says whether the lease was given back."""

    epoch: int
    signals: int
    cancel_requested: bool
    released: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer: to which row, and the data, checked already."""

    suspension_id: str
    data: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """What is to become of open rows of one run: all of them, or nothing.

    The rows leave `open` for `state`, with the data of their replies, and with `actor`, `via`, `idempotency_key`, `reason`,
    `run_count` and `context` as given. The rows `closes` (rivals, whose chance is gone) become `canceled` with
    `closes_reason`; they too must be open. With `due` each row's deadline must have come by then. With `expect` the run's
    `seq` and `signals` must be these. With `consumes` the kept event of that id must be there, and is removed.

    With `write` (whose `claim` is set) the lease is taken and the write made in the same transaction, where the lease is free
    and the run's `seq` is `write.expect`; else only the rows change and the row's `signals` grows.
    """

    run_id: str
    replies: Sequence[Reply]
    actor: str | None
    run_count: int
    context: Mapping[str, Json]
    at: datetime
    state: Literal["answered", "expired", "canceled"] = "answered"
    via: str | None = None
    idempotency_key: str | None = None
    reason: str | None = None
    closes: Sequence[str] = ()
    closes_reason: str | None = None
    due: datetime | None = None
    expect: tuple[int, int] | None = None
    consumes: str | None = None
    write: Write | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """All rows were open and are closed now. `receipt` where the lease was taken and the write made."""

    receipt: Receipt | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Nothing was changed: these rows are not open. A row that does not exist is left out."""

    rows: Sequence[Suspension]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """Nothing was changed: `expect`, `due` or `consumes` no longer holds. Look again."""


AnswerOutcome: TypeAlias = Accepted | Refused | Missed


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEvent:
    """An event that nobody waited for when it was sent.

    The first wait for `name` that it fits takes it, until `until`. `run_id` and `match` are as it was sent.
    """

    id: str
    name: str
    data: Json
    at: datetime
    until: datetime
    run_id: str | None = None
    match: Json = None
    actor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspensionQuery:
    """Which suspension rows, oldest first. `event` is the name of the event that they wait for."""

    run_id: str | None = None
    event: str | None = None
    state: SuspensionState | None = "open"
    limit: int | None = 100
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """Which runs. `created_*` are inclusive bounds. Newest first; `limit` rows after `offset`."""

    workflow: str | None = None
    status: Sequence[RunStatus] | None = None
    resource: str | None = None
    id_prefix: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    limit: int | None = 100
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of the runs that match, and how many there are in all."""

    runs: Sequence[RunRow]
    total: int


Presence: TypeAlias = Literal["created", "there"]


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

    async def entries(self, run_id: str, *, after: int = 0) -> Sequence[Entry]:
        """The entries with a number above *after*, in order; none for an unknown run."""
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
        """Take the lease, or None where somebody else holds it."""
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

    # What time brings to open suspensions: `due_at` is when next something is to be done about one.

    async def due(self, now: datetime, limit: int) -> Sequence[Suspension]:
        """Open rows whose `due_at` has come, the earliest first."""
        ...

    async def put_off(self, suspension_id: str, seen: datetime | None, due_at: datetime | None) -> bool:
        """Set `due_at` of an open row, where it is *seen*: of many who try at once one succeeds."""
        ...

    async def extend(self, suspension_id: str, deadline: datetime | None, due_at: datetime | None) -> bool:
        """Give an open row another deadline; False where it is not open."""
        ...

    async def next_due(self) -> datetime | None:
        """The earliest `wake_at` of a run at rest or `due_at` of an open row, or None."""
        ...

    async def suspensions(self, query: SuspensionQuery) -> Sequence[Suspension]:
        """The suspension rows that match."""
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

    async def find(self, query: RunQuery) -> Page:
        """The runs that match."""
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

    async def changed(self, timeout: float) -> None:  # noqa: ASYNC109  a bound, not a failure
        """Return when another process may have written, or after *timeout* seconds."""
        ...
