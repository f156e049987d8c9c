"""What stands in a span: its attributes, status and events."""

from __future__ import annotations

import json
from asyncio import CancelledError
from typing import Any

from opentelemetry.trace import Span, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from ..errors import AppClosed, CadenzaError
from ..execution.effects import Bailed, Call, Done, Failed, Outcome, Suspended
from ..history.event import Failure
from ..history.snapshot import Snapshot
from ..model.path import Path, ids, show
from ..model.values import Json
from ..store.base import RunRow
from . import attributes as at
from .options import LegKind, TracingOptions

Attributes = dict[str, AttributeValue]

# ------------------------------------------------------------------ legs


def describe_leg(kind: LegKind, workflow: str, row: RunRow, options: TracingOptions) -> Attributes:
    """A leg at its begin. What is ours wins over metadata of the same name."""
    found: Attributes = {name: _value(value) for name, value in options.metadata.items()}
    found |= {at.OPERATION: at.WORKFLOW_SPAN, at.WORKFLOW: workflow, at.RUN_ID: row.id, at.LEG: kind}
    if row.resource is not None:
        found[at.RESOURCE_ID] = row.resource
    if options.tags:
        found[at.TAGS] = list(options.tags)
    return found


def describe_leg_end(span: Span, run: Snapshot, error: BaseException | None, *, content: bool) -> None:
    """A leg at its end."""
    span.set_attribute(at.RUN_STATUS, run.status)
    if run.error is not None and run.status == "failed":
        failed(span, run.error, content=content, event=False)  # the step's span tells the whole story
    _broke(span, error)
    if content:
        span.set_attribute(at.RUN_INPUT, _json(run.input))
        if run.status == "success":
            span.set_attribute(at.RUN_OUTPUT, _json(run.result))


# ------------------------------------------------------------------ places


def describe_place(run_id: str, path: Path, run: Snapshot) -> Attributes:
    """Where a step, a nested workflow or a foreach stands."""
    found: Attributes = {at.RUN_ID: run_id, at.STEP_ID: ".".join(ids(path)), at.STEP_PATH: show(path)}
    for depth in reversed(range(len(path))):
        part = path[depth]
        if isinstance(part, int) and path[:depth] in run.records:  # of a loop there is no such record
            found[at.FOREACH_INDEX] = part
            break
    return found


def describe_attempt(run_id: str, call: Call, attempt: int, *, content: bool) -> Attributes:
    """An attempt at its begin."""
    found = describe_place(run_id, call.path, call.run)
    found[at.STEP_ATTEMPT] = attempt
    if content:
        record = call.record
        found[at.STEP_INPUT] = _json(record.payload)
        if record.resumed_seq:
            found[at.STEP_ANSWER] = _json(record.resume_payload)
    return found


def describe_outcome(
    span: Span | None, outcome: Outcome | None, error: BaseException | None, *, content: bool
) -> tuple[str, str | None]:
    """An attempt at its end: its status and `error.type`, also put into *span*. No outcome: it was broken off."""
    status = "running"
    error_type: str | None = None
    match outcome:
        case Done():
            status = "success"
        case Bailed():
            status = "success"
            _set(span, at.STEP_BAILED, value=True)
        case Suspended(suspension=suspension):
            status = "suspended"
            if span is not None:
                key = {at.SUSPENSION_KEY: suspension.key} if suspension.key is not None else {}
                span.add_event(at.SUSPENDED_EVENT, {at.SUSPENSION_ID: suspension.id, **key})
        case Failed(error=failure):
            status, error_type = "failed", _error_type(failure)
            if span is not None:
                failed(span, failure, content=content)
        case None:
            if span is not None:
                _broke(span, error)
    _set(span, at.STEP_STATUS, status)
    if content and isinstance(outcome, Done | Bailed):
        _set(span, at.STEP_OUTPUT, _json(outcome.output))
    return status, error_type


def failed(span: Span, failure: Failure, *, content: bool, event: bool = True) -> None:
    """Something failed. What a message says of data that broke a schema is content."""
    told = failure.message if content or not failure.issues else "data that does not fit its schema"
    span.set_attribute(at.ERROR_TYPE, _error_type(failure))
    span.set_status(Status(StatusCode.ERROR, f"{failure.name}: {told}"))
    if event:
        attributes: dict[str, AttributeValue] = {
            at.EXCEPTION_TYPE: failure.name,
            at.EXCEPTION_MESSAGE: told,
        }
        if failure.trace is not None and (content or not failure.issues):
            attributes[at.EXCEPTION_STACKTRACE] = failure.trace
        span.add_event(at.EXCEPTION_EVENT, attributes)


def _broke(span: Span, error: BaseException | None) -> None:
    """The engine could not go on; that its process stops is no error."""
    if error is not None and not isinstance(error, CancelledError | AppClosed):
        name = error.code if isinstance(error, CadenzaError) else type(error).__name__
        span.set_attribute(at.ERROR_TYPE, name)
        span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))


def _error_type(failure: Failure) -> str:
    return failure.code or failure.name


def _set(span: Span | None, name: str, value: AttributeValue) -> None:
    if span is not None:
        span.set_attribute(name, value)


# ------------------------------------------------------------------ values


def _value(value: Any) -> AttributeValue:
    """*value* as an attribute can hold it, else as JSON."""
    return value if isinstance(value, str | bool | int | float) else _json(value)


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
