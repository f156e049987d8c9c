"""Checking an answer before anything is written."""

from __future__ import annotations

import sys
from typing import Any

from jsonschema import Draft202012Validator

from ..errors import InvalidResumeData, Issue, RunHeld
from ..history.event import Suspension
from ..model.path import ids, show
from ..model.schema import Schema
from ..model.values import Json, plain
from ..model.workflow import Workflow


def checked(workflow: Workflow[Any, Any], row: Suspension, data: Any) -> Json:
    """*data* as the JSON that the place of *row* will read.

    Raises `InvalidResumeData` with all issues, `RunHeld` where today's code has no such place.
    """
    code = workflow.code(ids(row.path))
    if code is None:
        raise RunHeld(row.run_id, f"today's code has no step at {show(ids(row.path))}, which asked")
    where = show(row.path)
    if row.key is None:
        if code.validate_inputs:
            return code.step.resume.check(data, InvalidResumeData, where)
        return plain(data, where)
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
