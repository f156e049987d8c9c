"""WorkflowResult: what callers get, one class per status.

Everything in a result is a copy: changing it changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Generic, Literal, TypeAlias, TypeVar

from ..model.path import Path, ids, within
from ..model.value import altered, dataclass
from ..model.values import Json, isolate
from .event import Failure, Suspension
from .record import StepRecord, StepStatus
from .snapshot import Snapshot

Out = TypeVar("Out", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What became of one place. Times are aware UTC datetimes, None where it did not happen.

    Of a loop it is the last round; of a foreach `items` holds one result an item that was begun, and inside a foreach over
    nested workflows each item has `steps`. `resume_payload` and `suspend_payload` are the last ones, of what is inside too.
    """

    status: StepStatus
    payload: Json
    output: Json = None
    error: Failure | None = None
    resume_payload: Json = None
    suspend_payload: Json = None
    started_at: datetime | None = None
    suspended_at: datetime | None = None
    resumed_at: datetime | None = None
    ended_at: datetime | None = None
    bailed: bool = False
    attempt: int = 0
    items: list[StepResult] | None = None
    steps: dict[str, StepResult] | None = None


class _Late:
    """Makes `steps` when somebody looks at it: most who start and answer runs look at the status and the result alone."""

    __slots__ = ("_run",)
    _run: Snapshot

    if not TYPE_CHECKING:  # a checker would take any name for known

        def __getattr__(self, name: str) -> object:
            """`steps`, which were not made yet."""
            if name != "steps" or not hasattr(self, "_run"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            self.steps = _steps(self._run)
            del self._run
            return self.steps

    def make_late(self, run: Snapshot) -> None:
        """Leave the steps, which are those of *run*, to who first looks at them. *run* must not change any more."""
        delattr(self, "steps")
        self._run = run


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result(_Late):
    """What every result has.

    `steps` by id, dotted inside nested workflows. `state` and `resume_labels` where they were asked for. `trace_id` (32 hex
    digits) and `span_id` (16) are those of the last leg that was traced.
    """

    run_id: str
    workflow_id: str
    input: Json
    steps: dict[str, StepResult]
    state: dict[str, Json] | None = None
    resume_labels: dict[str, Suspension] | None = None
    trace_id: str | None = None
    span_id: str | None = None

    def _repr_html_(self) -> str:
        """The table that notebooks show."""
        from .table import to_html  # here: only notebooks need it

        assert isinstance(self, Success | Failed | SuspendedRun | Canceled | Unfinished)
        return to_html(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Success(_Result, Generic[Out]):
    """The run ended well. `result` is the last output, as JSON."""

    result: Json
    status: Literal["success"] = "success"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(_Result):
    """The run failed."""

    error: Failure
    status: Literal["failed"] = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspendedRun(_Result):
    """The run waits for people.

    `suspended` lists the paths of the suspended steps without item numbers, each once; `suspensions` each open question.
    `suspend_payload` is {outermost id: payload of the first one inside}.
    """

    suspended: list[list[str]]
    suspend_payload: dict[str, Json]
    suspensions: list[Suspension]
    status: Literal["suspended"] = "suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Canceled(_Result):
    """The run was canceled."""

    status: Literal["canceled"] = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished(_Result):
    """The run is not over and waits for nobody: it was not started, runs, sleeps, or is held for `reason`."""

    status: Literal["pending", "running", "waiting", "held"]
    reason: str | None = None


WorkflowResult: TypeAlias = Success[Out] | Failed | SuspendedRun | Canceled | Unfinished


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """What a result holds beyond the usual."""

    include_state: bool = False
    include_resume_labels: bool = False


def options_of(given: Mapping[str, bool] | OutputOptions | None) -> OutputOptions:
    """*given* as options; unknown keys are an error."""
    if given is None or isinstance(given, OutputOptions):
        return given or OutputOptions()
    return OutputOptions(**given)


def result_of(
    run_id: str, workflow_id: str, snapshot: Snapshot, options: OutputOptions, *, final: bool = False
) -> WorkflowResult[Json]:
    """The run as it is now, in the shape of a result. *final*: nobody changes *snapshot* any more."""
    result = _result_of(run_id, workflow_id, snapshot, options, {} if final else _steps(snapshot))
    if final:
        result.make_late(snapshot)
    return result


def _result_of(
    run_id: str, workflow_id: str, snapshot: Snapshot, options: OutputOptions, steps: dict[str, StepResult]
) -> WorkflowResult[Json]:
    waiting = [_copied(row) for row in snapshot.open.values()]
    common = _Common(
        run_id=run_id,
        workflow_id=workflow_id,
        input=isolate(snapshot.input),
        steps=steps,
        state=isolate(snapshot.state) if options.include_state else None,
        resume_labels={label: row for row in waiting for label in row.labels}
        if options.include_resume_labels
        else None,
        trace_id=snapshot.span.trace_id if snapshot.span is not None else None,
        span_id=snapshot.span.span_id if snapshot.span is not None else None,
    ).fields()
    match snapshot.status:
        case "success":
            return Success(**common, result=isolate(snapshot.result))
        case "failed":
            assert snapshot.error is not None
            return Failed(**common, error=snapshot.error)
        case "canceled":
            return Canceled(**common)
        case "suspended":
            first: dict[str, Json] = {}
            for row in waiting:
                first.setdefault(str(row.path[0]), isolate(row.payload))
            paths = list(dict.fromkeys(ids(row.path) for row in waiting))
            return SuspendedRun(
                **common, suspended=[list(path) for path in paths], suspend_payload=first, suspensions=waiting
            )
        case "pending" | "running" | "waiting" | "held" as status:
            return Unfinished(**common, status=status, reason=snapshot.held)


def _copied(row: Suspension) -> Suspension:
    return altered(row, payload=isolate(row.payload), resume_schema=isolate(row.resume_schema))


@dataclass(slots=True, kw_only=True)
class _Common:
    run_id: str
    workflow_id: str
    input: Json
    steps: dict[str, StepResult]
    state: dict[str, Json] | None = field(default=None)
    resume_labels: dict[str, Suspension] | None = field(default=None)
    trace_id: str | None = None
    span_id: str | None = None

    def fields(self) -> dict[str, Json]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class _Inside:
    """What is known of everything inside a container."""

    suspended: list[StepRecord] = field(default_factory=list)
    waiting: bool = False
    resumed: StepRecord | None = None
    last_suspended: datetime | None = None


def _steps(snapshot: Snapshot) -> dict[str, StepResult]:
    inner: dict[Path, _Inside] = {}
    for path, record in snapshot.records.items():
        if len(path) > 1 and (record.suspended_seq or record.resumed_seq or record.status == "waiting"):
            _collect(record, path, inner)
    numbered = {path for path in snapshot.records if isinstance(path[-1], int)}
    steps: dict[str, StepResult] = {}
    for path, record in snapshot.records.items():
        if path in numbered:
            continue
        if any(isinstance(part, int) for part in path):
            continue  # inside an item or round; listed below
        steps[".".join(ids(path))] = _one(record, snapshot, inner)
    for place, number in snapshot.rounds.items():
        if any(isinstance(part, int) for part in place):
            continue
        _round(steps, (*place, number), ".".join(ids(place)), snapshot, inner)
    _items(steps, snapshot, inner)
    return steps


def _collect(record: StepRecord, path: Path, inner: dict[Path, _Inside]) -> None:
    for depth in range(1, len(path)):
        around = inner.setdefault(path[:depth], _Inside())
        if record.status == "suspended":
            around.suspended.append(record)
        around.waiting = around.waiting or record.status == "waiting"
        if record.resumed_seq and (around.resumed is None or record.resumed_seq > around.resumed.resumed_seq):
            around.resumed = record
        if record.suspended_at and (
            around.last_suspended is None or record.suspended_at > around.last_suspended
        ):
            around.last_suspended = record.suspended_at


def _round(
    steps: dict[str, StepResult], path: Path, name: str, snapshot: Snapshot, inner: dict[Path, _Inside]
) -> None:
    """The last round of a loop, under the loop's own name, with what is inside it."""
    for inside_path, record in snapshot.records.items():
        if within(inside_path, path) and not any(isinstance(part, int) for part in inside_path[len(path) :]):
            rest = ids(inside_path[len(path) :])
            steps[".".join((name, *rest))] = _one(record, snapshot, inner)


def _items(steps: dict[str, StepResult], snapshot: Snapshot, inner: dict[Path, _Inside]) -> None:
    """Put the items of each foreach under its result, and under each item what is inside it."""
    below: dict[Path, dict[str, StepResult]] = {}
    items: list[StepRecord] = []
    for path, record in snapshot.records.items():
        at = next((i for i, part in enumerate(path) if isinstance(part, int)), None)
        if at is None or path[:at] not in snapshot.records:
            continue
        if len(path) == at + 1:
            items.append(record)
        elif not isinstance(path[-1], int):
            below.setdefault(path[: at + 1], {})[".".join(ids(path[at + 1 :]))] = _one(
                record, snapshot, inner
            )
    for record in sorted(items, key=lambda record: _numbers(record.path)):
        around = steps[".".join(ids(record.path))]
        assert around.items is not None
        result = _one(record, snapshot, inner)
        nested = below.get(record.path)
        around.items.append(replace(result, steps=nested) if nested else result)


def _one(record: StepRecord, snapshot: Snapshot, inner: dict[Path, _Inside]) -> StepResult:
    path = record.path
    inside = inner.get(path)
    status: StepStatus = record.status
    suspend, suspended_at = record.suspend_payload, record.suspended_at
    resume, resumed_at = record.resume_payload, record.resumed_at
    is_foreach = (*path, 0) in snapshot.records
    if inside is not None:
        if inside.suspended:
            # The first one that waits, in the order of the items.
            suspend = min(inside.suspended, key=lambda r: (_numbers(r.path), r.suspended_seq)).suspend_payload
        suspended_at = inside.last_suspended
        if inside.resumed is not None:
            resume, resumed_at = inside.resumed.resume_payload, inside.resumed.resumed_at
        if status == "running":
            status = "suspended" if inside.suspended else "waiting" if inside.waiting else status
    if status == "running" and snapshot.status == "canceled":
        status = "canceled"
    return StepResult(
        status=status,
        payload=isolate(record.payload),
        output=isolate(record.output),
        error=record.error if status == "failed" else None,
        resume_payload=isolate(resume),
        suspend_payload=isolate(suspend),
        started_at=record.started_at,
        suspended_at=suspended_at,
        resumed_at=resumed_at,
        ended_at=record.ended_at,
        bailed=record.bailed,
        attempt=record.attempt,
        items=[] if is_foreach else None,
    )


def _numbers(path: Path) -> tuple[int, ...]:
    return tuple(part for part in path if isinstance(part, int))
