"""What a resume request means: which suspensions it answers. Pure; nothing is written before this has spoken."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from ..errors import (
    AlreadyAnswered,
    AmbiguousStep,
    ConflictingTarget,
    InvalidIndex,
    RunNotSuspended,
    StepNotSuspended,
    SuspensionCanceled,
    SuspensionExpired,
    SuspensionNotFound,
    SuspensionSuperseded,
    UnknownLabel,
)
from ..model.graph import Foreach, Graph, inside
from ..model.path import Path, ids, show
from ..model.value import dataclass
from .event import (
    Entry,
    RunCanceled,
    RunFailed,
    RunHeld,
    RunSucceeded,
    RunSuspended,
    StepAnswered,
    Suspension,
)
from .record import ENDED
from .snapshot import Snapshot

_PART = re.compile(r"\[\d+\]|[^.\[\]]+")
_DOTTED = re.compile(r"[^.\[\]]+(\[\d+\])*(\.[^.\[\]]+(\[\d+\])*)*")

ABSENT: Any = object()  # an argument that was not given, where None is a value


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeRequest:
    """What a caller named. `step` is None for nothing, else the parts of a path; items may be left out of it."""

    step: Path | None = None
    label: str | None = None
    for_each_index: int | None = None
    suspension_id: str | None = None


def target_of(step: Any) -> Path | str | None:
    """What *step* names: a path, the id of a suspension (as `"#id"`), or None.

    Takes a step, a workflow, a suspension, an id, a dotted string (`"nested.approve"`, `"review[2]"`), or a list of steps
    and ids.
    """
    if step is None or step is ABSENT:
        return None
    if isinstance(step, Suspension):
        return f"#{step.id}"
    if isinstance(step, str):
        if not _DOTTED.fullmatch(step):
            return (step,) if step else ()  # no id looks like that: nothing will be found there
        return tuple(int(p[1:-1]) if p.startswith("[") else p for p in _PART.findall(step))
    if isinstance(step, list | tuple):
        return tuple(part if isinstance(part, int) else _id(part) for part in step)
    return (_id(step),)


def _id(part: Any) -> str:
    return part if isinstance(part, str) else str(getattr(part, "id", part))


def resolve(
    request: ResumeRequest, run_id: str, snapshot: Snapshot, rows: Sequence[Suspension], graph: Graph
) -> list[Suspension]:
    """The open suspensions that *request* means, at least one; several only where they are items of one foreach.

    A request that names one row is judged by that row, whatever the run's status. Else the checks come in this order:
    run, label, step, index, ambiguity. Raises the errors of `ResumeError`, and `RunNotSuspended`.
    """
    if request.suspension_id is not None:
        return [_by_id(request, rows, graph)]
    if snapshot.status == "pending" or snapshot.status in ENDED:
        raise RunNotSuspended(run_id, snapshot.status)
    waiting = [row for row in rows if row.state == "open" and row.id in snapshot.open]
    found = waiting
    if request.label is not None:
        found = _by_label(request.label, waiting, rows, snapshot)
    if request.step is not None:
        at = [row for row in found if matches(request.step, row.path)]
        if not at:
            if request.label is not None:
                raise ConflictingTarget(f"step={show(request.step)}", f"label={request.label!r}")
            _raise_answered([row for row in rows if matches(request.step, row.path)], snapshot)
            raise StepNotSuspended(show(request.step) or "the empty path", _names(waiting))
        found = at
    if request.for_each_index is not None:
        found = _by_index(request, found, graph)
    if not found:
        _raise_answered(rows, snapshot)
        raise StepNotSuspended("nothing that was named", _names(waiting))
    if len({ids(row.path) for row in found}) > 1 or (request.label is not None and len(found) > 1):
        raise AmbiguousStep(_names(found))
    return found


def means(request: ResumeRequest, row: Suspension) -> bool:
    """Whether *request* can mean *row*, whatever its state."""
    return (
        (request.suspension_id is None or request.suspension_id == row.id)
        and (request.step is None or matches(request.step, row.path))
        and (request.label is None or request.label in row.labels)
        and (request.for_each_index is None or request.for_each_index in row.path)
    )


def matches(target: Path, path: Path) -> bool:
    """Whether *path* is at or below *target*, whose rounds and items may be left out."""
    if not target:
        return False
    at = 0
    for part in target:
        if isinstance(part, str):
            while at < len(path) and isinstance(path[at], int):
                at += 1
        if at >= len(path) or path[at] != part or isinstance(path[at], int) != isinstance(part, int):
            return False
        at += 1
    return True


def refuse(row: Suspension) -> None:
    """Raise what a suspension that is not open says to an answer."""
    where = show(row.path)
    match row.state:
        case "open":
            return
        case "answered":
            raise AlreadyAnswered(row.id, where, row.actor, row.closed_at)
        case "expired":
            raise SuspensionExpired(row.id, where, row.closed_at)
        case "canceled":
            raise SuspensionCanceled(row.id, where, row.actor, row.reason)
        case "superseded":
            raise SuspensionSuperseded(row.id, where)


def _by_id(request: ResumeRequest, rows: Sequence[Suspension], graph: Graph) -> Suspension:
    assert request.suspension_id is not None
    row = next((row for row in rows if row.id == request.suspension_id), None)
    if row is None:
        raise SuspensionNotFound(request.suspension_id)
    named = f"suspension_id={row.id!r}"
    if request.step is not None and not matches(request.step, row.path):
        raise ConflictingTarget(f"step={show(request.step)}", named)
    if request.label is not None and request.label not in row.labels:
        raise ConflictingTarget(f"label={request.label!r}", named)
    if request.for_each_index is not None:
        at = _item_position(graph, row.path)
        if at is None or row.path[at] != request.for_each_index:
            raise ConflictingTarget(f"for_each_index={request.for_each_index}", named)
    refuse(row)
    return row


def _by_label(
    label: str, waiting: Sequence[Suspension], rows: Sequence[Suspension], snapshot: Snapshot
) -> list[Suspension]:
    found = [row for row in waiting if label in row.labels]
    if not found:
        _raise_answered([row for row in rows if label in row.labels], snapshot)
        raise UnknownLabel(label, {name for row in waiting for name in row.labels})
    return found


def _by_index(request: ResumeRequest, found: list[Suspension], graph: Graph) -> list[Suspension]:
    index = request.for_each_index
    at = {row.id: _item_position(graph, row.path) for row in found}
    items = [row for row in found if at[row.id] is not None]
    chosen = [row for row in items if row.path[at[row.id] or 0] == index and not isinstance(index, bool)]
    if not chosen:
        if request.label is not None and items:
            raise ConflictingTarget(f"for_each_index={index}", f"label={request.label!r}")
        where = show(request.step) if request.step else "this run"
        raise InvalidIndex(index, where, sorted({int(row.path[at[row.id] or 0]) for row in items}))
    return chosen


def _item_position(graph: Graph, path: Path) -> int | None:
    """Where in *path* the number of the outermost foreach stands."""
    here: Graph | None = graph
    for i, part in enumerate(path):
        if isinstance(part, int):
            continue
        place = here.places.get(part) if here is not None else None
        if isinstance(place, Foreach):
            return i + 1 if i + 1 < len(path) else None
        here = inside(place) if place is not None else None
    return None


def _raise_answered(rows: Iterable[Suspension], snapshot: Snapshot) -> None:
    """Raise `AlreadyAnswered` for an answered one of *rows* whose step has not ended yet."""
    for row in rows:
        record = snapshot.records.get(row.path)
        if row.state == "answered" and record is not None and not record.ended:
            refuse(row)


def _names(rows: Iterable[Suspension]) -> list[str]:
    return sorted({show(ids(row.path)) for row in rows})


def first_rest_after(entries: Iterable[Entry], answers: AbstractSet[str]) -> Snapshot | None:
    """What those got who waited for the suspensions *answers* to be answered.

    The run at the first moment after that at which it had ended, was held, or waited for people only; None where that has not
    come.
    """
    snapshot = Snapshot()
    unheard = set(answers)
    for entry in entries:
        snapshot.apply(entry)
        match entry.event:
            case StepAnswered(suspension_id=id_):
                unheard.discard(id_)
            case RunSuspended(until=None) | RunSucceeded() | RunFailed() | RunCanceled() | RunHeld():
                if not unheard:
                    return snapshot
            case _:
                pass
    return None
