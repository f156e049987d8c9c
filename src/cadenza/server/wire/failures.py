"""Errors as Mastra's server words them, for its client shows these texts."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ... import errors as e
from ...model.values import Json, encode
from ..refusal import Refusal
from ..statuses import status_of

MEDIA = "application/json"
SCHEMA: Json = {
    "type": "object",
    "title": "WireError",
    "required": ["error"],
    "properties": {
        "error": {"type": "string"},
        "issues": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_WHAT = {e.InvalidInput: "input data", e.InvalidState: "initial state", e.InvalidResumeData: "resume data"}


def status(error: type[e.CadenzaError]) -> int:
    """The HTTP status of an error on these routes."""
    return status_of(error).wire


def refuse(_: Request, error: Exception) -> Response | None:
    """The answer to a request that ended in *error*; None where that is a fault of ours."""
    if isinstance(error, Refusal):
        body: dict[str, Json] = {"error": error.message}
        if error.issues:
            body["issues"] = [{"field": issue.path, "message": issue.message} for issue in error.issues]
        return _answer(error.status, body)
    if isinstance(error, e.CadenzaError):
        return _answer(status(type(error)), {"error": text_of(error)})
    return None


def text_of(error: Exception) -> str:  # noqa: C901  one text an error
    """What Mastra says where we raise *error*."""
    match error:
        case e.UnknownWorkflow():
            return "Workflow not found"
        case e.RunNotFound() | e.WrongWorkflow():
            return "Workflow run not found"
        case e.ScheduleNotFound():
            return "Schedule not found"
        case e.DuplicateSchedule():
            return (
                f'schedules.create: a schedule with id "{error.schedule_id}" already exists. '
                "Use update() to modify it or choose a different id."
            )
        case e.RunNotSuspended():
            return "This workflow run was not suspended"
        case e.RunNotActive():
            return "This workflow run was not active"
        case e.RunAlive():
            return "This workflow run is still running, cannot time travel"
        case e.RunAlreadyStarted():
            return (
                f'Workflow run {error.run_id} already finished with status "{error.status}". '
                "Use /observe to read its stream back, or stream a new runId."
            )
        case e.StepNotSuspended():
            return (
                f'This workflow step "{error.step}" was not suspended. '
                f"Available suspended steps: [{', '.join(error.waiting)}]"
            )
        case e.AmbiguousStep():
            found = ", ".join(f"[{step}]" for step in error.waiting)
            return f'Multiple suspended steps found: {found}. Please specify which step to resume using the "step" parameter.'
        case e.TimeTravelTarget():
            return f"Cannot time travel to step '{error.step}': {error}"
        case e.InvalidData():
            what = next((told for kind, told in _WHAT.items() if isinstance(error, kind)), "inputData")
            return f"Invalid {what}: " + "".join(f"\n- {i.path}: {i.message}" for i in error.issues)
        case _:
            return str(error)


def _answer(status: int, body: Json) -> Response:
    return Response(encode(body), status_code=status, media_type=MEDIA)
