"""Checking an answer before anything is written."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from jsonschema import Draft202012Validator

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
from ..history.resume import means
from ..history.rivals import winner_over
from ..history.snapshot import Snapshot
from ..model.graph import Graph
from ..model.path import ids, show
from ..model.schema import Schema
from ..model.values import Json, plain
from ..model.workflow import Workflow
from .base import Resuming


def checked(workflow: Workflow[Any, Any], row: Suspension, data: Any) -> Json:
    """*data* as the JSON that the place of *row* will read.

    Raises `InvalidResumeData` with all issues, `RunHeld` where today's code has no such place.
    """
    where = show(row.path)
    if row.event is not None:
        return _by_schema(row, data, where)
    code = workflow.code(ids(row.path))
    if code is None:
        raise RunHeld(row.run_id, f"today's code has no step at {show(ids(row.path))}, which asked")
    if row.key is None:
        if code.validate_inputs:
            return code.step.resume.check(data, InvalidResumeData, where)
        return plain(data, where)
    return _by_schema(row, data, where)


def _by_schema(row: Suspension, data: Any, where: str) -> Json:
    if row.resume_schema is None:
        return plain(data, where)
    schema = _type_of(row)
    if schema is not None:
        return schema.check(data, InvalidResumeData, where)
    # The type is not loaded in this process; the JSON Schema that was kept with the question is.
    value = plain(data, where)
    errors = sorted(
        Draft202012Validator(row.resume_schema).iter_errors(value), key=lambda e: list(map(str, e.path))
    )
    if errors:
        raise InvalidResumeData(where, [_issue(error) for error in errors])
    return value


def answered_before(
    workflow: Workflow[Any, Any], resuming: Resuming, rows: Sequence[Suspension]
) -> list[Suspension]:
    """The rows that the same request, known by its idempotency key, has answered already; none where it is new.

    Raises `IdempotencyConflict` where it came with other data.
    """
    key = resuming.idempotency_key
    if key is None:
        return []
    found = [
        row
        for row in rows
        if row.idempotency_key == key and row.state == "answered" and means(resuming.request, row)
    ]
    for row in found:
        if not _is_same(workflow, row, resuming.data):
            raise IdempotencyConflict(row.id, show(row.path), key)
    return found


def _is_same(workflow: Workflow[Any, Any], row: Suspension, data: Any) -> bool:
    try:
        return bool(checked(workflow, row, data) == row.answer)
    except (InvalidResumeData, ValueNotKept):
        return False
    except RunHeld:  # the code that asked is gone: compare what is there
        return bool(plain(data, show(row.path)) == row.answer)


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


def _type_of(row: Suspension) -> Schema | None:
    """The schema of the type that was asked for, if it is loaded here and still means the same."""
    module, _, name = (row.answer_type or "").partition(":")
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is None or not isinstance(found, type):
        return None
    schema = Schema.of(found)
    return schema if schema.describe() == row.resume_schema else None


def _issue(error: Any) -> Issue:
    path = [str(part) for part in error.absolute_path]
    if error.validator == "required":
        missing = next((name for name in error.validator_value if name not in error.instance), "")
        return Issue(path=".".join([*path, missing]), message="Field required")
    return Issue(path=".".join(path), message=error.message)
