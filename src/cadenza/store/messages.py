"""What goes into a store and comes out of it: rows, writes, answers, queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeAlias

from ..history.closing import answer_to, closing
from ..history.event import Entry, StepAnswered, StepBailed, StepFailed, Suspension, SuspensionState
from ..history.record import RunStatus
from ..model.graph import Graph
from ..model.value import altered, dataclass
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
    heard. None of `skip`, which are runs. At most `limit`, those due longest first.
    """

    engine: str
    workflows: Sequence[str]
    owner: str
    now: datetime
    until: datetime
    dead: Sequence[str] = ()
    live: Sequence[str] = ()
    skip: Sequence[str] = ()
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A run that a worker got the lease of."""

    run_id: str
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """For which runs a worker lets happen what time brings: those of `engine` and one of `workflows`, and none of `skip`.

    At most `limit` at once.
    """

    engine: str
    workflows: Sequence[str]
    now: datetime
    skip: Sequence[str] = ()
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRow:
    """A suspension row whose time has come: which, and of which run. One that cannot be read hides no other."""

    id: str
    run_id: str


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
    takes it by `claim`. `opened` become rows, `closed` leave `open`. With `heed` nothing is written where the row's `signals` are no longer those that the writer has seen,
    unless it takes the lease by the same write, which heard of none. With `reopen` an earlier wish to stop is forgotten. With `release` the lease is given back, unless `signals` (what the
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
    graph: Graph | None = None
    release: bool = False
    heed: bool = False
    reopen: bool = False
    signals: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a write or claim found.

    `released` says whether the lease was given back; `made` is False where a write that heeds signals was not made because of
    new ones.
    """

    epoch: int
    signals: int
    cancel_requested: bool
    released: bool = False
    made: bool = True


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
    `seq` and `signals` must be these. With `unclaimed` nobody but `actor` may have claimed one of the rows. With `consumes` the
    kept event of that id must be there, and is removed.

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
    unclaimed: bool = False
    consumes: str | None = None
    write: Write | None = None

    def closed(self, row: Suspension, data: Json) -> Suspension:
        """*row*, whose reply is *data*, as it is left."""
        return altered(
            row,
            state=self.state,
            answer=data,
            actor=self.actor,
            via=self.via,
            idempotency_key=self.idempotency_key,
            reason=self.reason,
            run_count=self.run_count,
            context=dict(self.context),
            closed_at=self.at,
        )

    def event_of(self, row: Suspension, data: Json) -> StepAnswered | StepBailed | StepFailed:
        """What follows at the place of *row*, whose reply is *data*."""
        return answer_to(row, data, self) if self.state == "answered" else closing(self.closed(row, data))

    def outdone(self, row: Suspension) -> Suspension:
        """*row*, which is one of `closes`, as it is left."""
        return altered(row, state="canceled", reason=self.closes_reason, closed_at=self.at)


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
    """Nothing was changed: `expect`, `due`, `unclaimed` or `consumes` no longer holds. Look again."""


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
    """Which suspension rows, oldest first. `run_ids` are some runs at once.

    `event` is the name of the event that they wait for, `label` one of their labels, `assignee` one of those that they are
    assigned to, `claimed_by` who has claimed them, `resource` that of their runs, `opened_to` an inclusive bound.
    """

    run_id: str | None = None
    run_ids: Sequence[str] | None = None
    event: str | None = None
    state: SuspensionState | None = "open"
    workflow: str | None = None
    label: str | None = None
    assignee: str | None = None
    claimed_by: str | None = None
    resource: str | None = None
    opened_to: datetime | None = None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How many runs of one workflow stand in each status (those that none has are left out), and their open suspensions."""

    runs: Mapping[RunStatus, int]
    open: int = 0


Presence: TypeAlias = Literal["created", "there"]
