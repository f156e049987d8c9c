"""What can happen to a run. An entry of the journal is a number, a time and one event.

Each payload is written once: what passes on unchanged is a `Ref` to where it stands already. Event types are only ever
added; what a stored one means never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from ..model.path import Path
from ..model.value import dataclass
from ..model.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """A value that stands elsewhere in the journal.

    `output` and `input` of the place at `path` (the input of `()` is that of the run); `item`: number `index` of the
    list that the foreach at `path` got; `answer` what the place at `path` was last answered; `block`: {id: output} of the members `ids` of the workflow at `path`; `list`: the
    outputs of the first `index` items of the foreach at `path`.
    """

    of: Literal["output", "input", "item", "answer", "block", "list"]
    path: Path
    index: int = 0
    ids: tuple[str, ...] = ()


Given: TypeAlias = Any  # Json | Ref: a value, or where it stands; no JSON value is a Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error, as data.

    `code` is set where Cadenza raised it (`errors.py`), `issues` where data broke a schema,
    `final` where no retry may follow.
    """

    name: str
    message: str
    code: str | None = None
    issues: tuple[tuple[str, str], ...] = ()
    trace: str | None = None
    final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """What an execution set: keys of the state and of the runtime context. A failed attempt leaves none."""

    state: Mapping[str, Json] = field(default_factory=dict)
    context: Mapping[str, Json] = field(default_factory=dict)


NO_PATCH = Patch()

SuspensionState: TypeAlias = Literal["open", "answered", "expired", "canceled", "superseded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnTimeout:
    """What follows when the deadline of a suspension passes: an answer, or the end of the step."""

    do: Literal["answer", "fail", "bail"]
    data: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """A place that waits for somebody: the row of its own that an answer is compared and set on.

    `key` names one `ask` of the step and is None for `suspend`. `resume_schema` is the JSON Schema of the answer, or None
    for anything; `answer_type` the Python type it came from, as "module:name". `resume_schema` of a `suspend` is the step's.
    `code` is the function that asked, as "name:fingerprint".
    `workflow` is that of the run. `assigned` are who may answer, all where it is empty; with `exclude_requester` not who
    started the run. `event` is set where it waits for an event of that name, which is to fit `match`. `due_at` is when next something is to be
    done about it: telling of it, a reminder, or what follows its `deadline`; `told` how many of these are done. `claimed_by` is
    who wants to answer it, since `claimed_at`. What closed it: `answer` where it was answered or `on_timeout`
    says so, `actor` who, `via` which way ("resume", "inbox", "event", "deadline" …), `reason` why.
    """

    id: str
    run_id: str
    path: Path
    opened_at: datetime
    key: str | None = None
    labels: tuple[str, ...] = ()
    payload: Json = None
    resume_schema: Json = None
    answer_type: str | None = None
    code: str | None = None
    event: str | None = None
    match: Json = None
    workflow: str = ""
    assigned: tuple[str, ...] = ()
    exclude_requester: bool = False
    remind_at: tuple[datetime, ...] = ()
    deadline: datetime | None = None
    on_timeout: OnTimeout | None = None
    due_at: datetime | None = None
    told: int = 0
    claimed_by: str | None = None
    claimed_at: datetime | None = None
    state: SuspensionState = "open"
    answer: Json = None
    actor: str | None = None
    via: str | None = None
    idempotency_key: str | None = None
    reason: str | None = None
    run_count: int = 0
    context: Mapping[str, Json] = field(default_factory=dict)
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRef:
    """A span of OpenTelemetry's, so that another process can go on from it. Never one that is not valid.

    32 and 16 hex digits; `flags` and `state` as in W3C's `traceparent` and `tracestate`: a sampler decides by them.
    """

    trace_id: str
    span_id: str
    flags: int
    state: str = ""


# ------------------------------------------------------------------ events of a run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """The first entry of every journal that has one. `actor` is who asked for the run."""

    fingerprint: str
    input: Json
    state: Mapping[str, Json]
    context: Mapping[str, Json]
    actor: str | None = None
    span: SpanRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed:
    """A leg begins: an answer came, a timer is due, or the run is taken up after a crash. `span` is the leg's, if it is traced."""

    context: Mapping[str, Json] = field(default_factory=dict)
    span: SpanRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSuspended:
    """The run is at rest: no branch can go on. `until` is when its first timer is due."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSucceeded:
    """The end."""

    result: Given


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed:
    """The end."""

    error: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCanceled:
    """The end. Open suspensions are closed with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeld:
    """Today's code cannot go on with the run safely, or it keeps killing its process (`crashed`); `reason` is for people."""

    reason: str
    crashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRewound:
    """The run was taken back to the place `target`.

    Everything at or below `forget` is forgotten, the containers around the target are open again, `skip` are earlier
    places that never ran, `verdicts` and `records` (path, payload, output) are put in, `input`
    (if `has_input`) replaces the target's, `resume` (none or one) is what `ctx.resume_data` will be there.
    """

    target: Path
    fingerprint: str
    forget: tuple[Path, ...]
    skip: tuple[Path, ...] = ()
    verdicts: tuple[tuple[Path, Json], ...] = ()
    records: tuple[tuple[Path, Json, Json], ...] = ()
    has_input: bool = False
    input: Json = None
    resume: tuple[Json, ...] = ()
    run_input: Json = None
    state: Mapping[str, Json] | None = None
    context: Mapping[str, Json] = field(default_factory=dict)
    span: SpanRef | None = None


# ------------------------------------------------------------------ events of a place


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    """Durable before the step's code is called."""

    path: Path
    input: Given


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWaiting:
    """A sleep: the place goes on at `until`."""

    path: Path
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSuspended:
    """The place waits for somebody. `read` is the input as the step's type read it, where that differs."""

    path: Path
    suspension: Suspension
    patch: Patch = NO_PATCH
    read: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAnswered:
    """The answer reached the place, which runs again. `context` are keys of the runtime context that came with it."""

    path: Path
    suspension_id: str
    data: Json
    actor: str | None = None
    key: str | None = None
    run_count: int = 0
    context: Mapping[str, Json] = field(default_factory=dict)
    via: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCanceled:
    """The end of a place whose result nobody wants any more, and of all below it that had not ended."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSucceeded:
    """The end of a place."""

    path: Path
    output: Given
    patch: Patch = NO_PATCH
    read: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBailed:
    """The place ended, and the workflow that it stands in with it."""

    path: Path
    output: Given
    patch: Patch = NO_PATCH
    read: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailed:
    """The end of a place."""

    path: Path
    error: Failure
    read: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRetried:
    """An attempt failed and another follows at `until`. A nested workflow is forgotten and starts anew."""

    path: Path
    attempt: int
    error: Failure
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What `once` kept, before it returned."""

    path: Path
    key: str
    value: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """A verdict: what a condition said of the branch member or loop round at `path`. It stands for the rest of the run."""

    path: Path
    verdict: bool


RunEvent: TypeAlias = (
    RunStarted | RunResumed | RunSuspended | RunSucceeded | RunFailed | RunCanceled | RunHeld | RunRewound
)
StepEvent: TypeAlias = (
    StepStarted
    | StepWaiting
    | StepSuspended
    | StepAnswered
    | StepCanceled
    | StepSucceeded
    | StepBailed
    | StepFailed
    | StepRetried
    | Remembered
    | Evaluated
)
Event: TypeAlias = RunEvent | StepEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the journal. `seq` counts from 1 without gaps."""

    seq: int
    at: datetime
    event: Event
