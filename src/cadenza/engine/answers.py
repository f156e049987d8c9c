"""Checking an answer before anything is written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias

from ..errors import (
    ActorNotAllowed,
    AlreadyClaimed,
    IdempotencyConflict,
    InvalidResumeData,
    Issue,
    RunHeld,
    SuspensionCanceled,
    ValueNotKept,
)
from ..history.event import Suspension
from ..history.reading import is_same, refuse_loss
from ..history.resume import ResumeRequest, means, resolve
from ..history.rivals import winner_over
from ..history.snapshot import Snapshot
from ..model.graph import Graph
from ..model.matching import fits
from ..model.path import ids, show
from ..model.schema import Schema
from ..model.values import Json, plain
from ..model.workflow import Workflow
from .fit import why_held


def checked(workflow: Workflow[Any, Any], row: Suspension, data: Any) -> Json:
    """*data* as the JSON that the place of *row* will read.

    Raises `InvalidResumeData` with all issues, `RunHeld` where today's code has no such place.
    """
    where = show(row.path)
    if row.event is None:
        code = workflow.code(ids(row.path))
        if code is None:
            raise RunHeld(row.run_id, f"today's code has no step at {show(ids(row.path))}, which asked")
        if row.key is None and not code.validate_inputs:
            return plain(data, where)
    schema = type_today(workflow, row)
    if schema is None:
        # The type is not loaded in this process; the JSON Schema that was kept with the question is.
        value = plain(data, where)
        _check_as_asked(row, [value], where)
        return value
    if is_same(schema, row.resume_schema):
        return schema.check(data, InvalidResumeData, where)
    return _checked_by_both(schema, row, data, where)


def type_today(workflow: Workflow[Any, Any], row: Suspension) -> Schema | None:
    """The schema by which today's code reads the answer of *row*; None where it is only known inside the step."""
    if row.event is not None:
        found = workflow.brings(ids(row.path), row.event)
        return found[0] if len(found) == 1 else None
    if row.key is None:
        code = workflow.code(ids(row.path))
        return code.step.resume if code is not None and code.validate_inputs else None
    return _loaded_type(row)


def _checked_by_both(schema: Schema, row: Suspension, data: Any, where: str) -> Json:
    """*data* where it is an answer to what was asked, and today's type reads all of it."""
    try:
        given = plain(data, where)
    except ValueNotKept:
        given = schema.dump(data, where)
    try:
        value = schema.check(given, InvalidResumeData, where)
        refuse_loss(given, value, row.resume_schema, where)
    except InvalidResumeData as invalid:
        _check_as_asked(row, [given], where)
        issues = "; ".join(f"{issue.path or 'the answer'}: {issue.message}" for issue in invalid.issues)
        raise RunHeld(
            row.run_id,
            f"this is an answer to what {where} asked, and today's code does not take it: {issues}",
        ) from invalid
    _check_as_asked(row, [given, value], where)
    return value


def _check_as_asked(row: Suspension, forms: Sequence[Json], where: str) -> None:
    """Raise `InvalidResumeData` unless one of these forms of the answer fits the schema that was kept with the question."""
    if row.resume_schema is None:
        return
    # Imported here: it is a fifth of what there is to import, and only answers across a change of code need it.
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(row.resume_schema)
    found = [sorted(validator.iter_errors(form), key=lambda e: list(map(str, e.path))) for form in forms]
    if all(found):
        raise InvalidResumeData(where, [_issue(error) for error in found[0]])


class Given(Protocol):
    """What an answer came with, on its way to whichever engine."""

    @property
    def request(self) -> ResumeRequest: ...
    @property
    def data(self) -> Any: ...
    @property
    def actor(self) -> str | None: ...
    @property
    def idempotency_key(self) -> str | None: ...


# Finds the code of the run's workflow; raises `RunHeld` where it is not here.
FindCode: TypeAlias = Callable[[], Workflow[Any, Any]]


def check_all(
    code: FindCode,
    given: Given,
    run_id: str,
    snapshot: Snapshot,
    rows: Sequence[Suspension],
    graph: Graph,
) -> dict[str, Json]:
    """What is answered, by suspension id, as their places will read it; raises what a refused answer does."""
    targets = resolve(given.request, run_id, snapshot, rows, graph)
    for target in targets:
        check_actor(target, given.actor, snapshot)
    refuse_losers(targets, rows, snapshot, graph)
    workflow = code()
    if (held := why_held(workflow, graph, snapshot)) is not None:
        raise RunHeld(run_id, held.reason)
    return {row.id: checked(workflow, row, given.data) for row in targets}


def repeats(given: Given, rows: Iterable[Suspension]) -> list[Suspension]:
    """The rows that the same request, known by its idempotency key, has answered already; none where it is new."""
    key = given.idempotency_key
    return [
        row
        for row in rows
        if key is not None
        and row.idempotency_key == key
        and row.state == "answered"
        and means(given.request, row)
    ]


def answered_before(code: FindCode, given: Given, rows: Iterable[Suspension]) -> list[Suspension]:
    """What `repeats` finds.

    Raises `IdempotencyConflict` where the request came with other data.
    """
    found = repeats(given, rows)
    for row in found:
        if not _is_same(code, row, given.data):
            raise IdempotencyConflict(row.id, show(row.path), row.idempotency_key or "")
    return found


def _is_same(code: FindCode, row: Suspension, data: Any) -> bool:
    try:
        return bool(checked(code(), row, data) == row.answer)
    except ValueNotKept:
        return False
    except (InvalidResumeData, RunHeld):
        pass
    # Today's code does not take it any more, or is gone. It took the answer once, and may have added to what was sent.
    try:
        return fits(plain(data, show(row.path)), row.answer)
    except ValueNotKept:
        return False


def refuse_losers(
    targets: Sequence[Suspension], rows: Sequence[Suspension], snapshot: Snapshot, graph: Graph
) -> None:
    """Raise `SuspensionCanceled` where another member of a block in which the first answer wins was answered before."""
    for target in targets:
        winner = winner_over(target.path, rows, snapshot, graph)
        if winner is not None:
            reason = f"{show(winner)} was answered first"
            raise SuspensionCanceled(target.id, show(target.path), reason=reason)


def check_actor(row: Suspension, actor: str | None, snapshot: Snapshot) -> None:
    """Raise `ActorNotAllowed` where *actor* may not answer *row*, `AlreadyClaimed` where somebody else has claimed it."""
    where = show(row.path)
    if row.claimed_by is not None and row.claimed_by != actor:
        raise AlreadyClaimed(row.id, where, row.claimed_by, row.claimed_at)
    if row.assigned and actor not in row.assigned:
        raise ActorNotAllowed(row.id, where, actor, f"it is assigned to {', '.join(row.assigned)}")
    if row.exclude_requester and (actor is None or actor == snapshot.requester):
        raise ActorNotAllowed(
            row.id,
            where,
            actor,
            "it excludes who asked for the run; somebody else has to answer, by name (actor=)",
        )


def _loaded_type(row: Suspension) -> Schema | None:
    """The schema of the type that was asked for, as it is today, if it is loaded here."""
    module, _, name = (row.answer_type or "").partition(":")
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is None or not isinstance(found, type):
        return None
    return Schema.of(found)


def _issue(error: Any) -> Issue:
    path = [str(part) for part in error.absolute_path]
    if error.validator == "required":
        missing = next((name for name in error.validator_value if name not in error.instance), "")
        return Issue(path=".".join([*path, missing]), message="Field required")
    return Issue(path=".".join(path), message=error.message)
