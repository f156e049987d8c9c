"""Errors on their way from a workflow's validator to whoever asked: the same class with the same attributes arrives."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from temporalio.exceptions import ApplicationError

from ... import errors
from ...errors import CadenzaError, Issue
from ...model.values import Json

_KIND = "cadenza:"
UNCHECKED = "cadenza.unchecked"


class Unchecked(ApplicationError):
    """Nothing was done: the data is to be sent again, as *replies* have it, by suspension id."""

    def __init__(self, replies: dict[str, Json]) -> None:
        super().__init__("to be sent again", replies, type=UNCHECKED, non_retryable=True)


def refusal(error: CadenzaError) -> ApplicationError:
    """*error*, to be raised where Temporal hears it."""
    attributes = {name: _pack(value) for name, value in vars(error).items() if not name.startswith("_")}
    return ApplicationError(str(error), attributes, type=_KIND + type(error).__name__, non_retryable=True)


def error_of(found: BaseException | None) -> CadenzaError | None:
    """The error that `refusal` packed, or None where *found* is none."""
    if not isinstance(found, ApplicationError) or not (found.type or "").startswith(_KIND):
        return None
    kind: Any = getattr(errors, (found.type or "").removeprefix(_KIND), None)
    if not (isinstance(kind, type) and issubclass(kind, CadenzaError)):
        return None
    # The message was built already; the constructors take what it was built of.
    error = kind.__new__(kind)
    error.args = (found.message,)
    for name, value in (found.details[0] if found.details else {}).items():
        setattr(error, name, _unpack(value))
    return error


def _pack(value: Any) -> Json:
    match value:
        case datetime():
            return {"at": value.isoformat()}
        case Issue():
            return {"issue": [value.path, value.message]}
        case list() | tuple():
            return {"list": [_pack(item) for item in value]}
        case str() | int() | float() | bool() | None:
            return value
        case _:
            return repr(value)


def _unpack(value: Json) -> Any:
    match value:
        case {"at": str() as at}:
            return datetime.fromisoformat(at)
        case {"issue": [path, message]}:
            return Issue(path=path, message=message)
        case {"list": list() as items}:
            return [_unpack(item) for item in items]
        case _:
            return value
