"""Mastra's routes, as a list: the same paths, in both eras."""

from __future__ import annotations

from typing import Any

from ... import errors as e
from ..principal import Scope
from ..route import Face, Method, Route
from . import actions, failures, legacy, runs, schedules, streams
from .bodies import (
    Catalogue,
    CreateRun,
    ListRuns,
    MaybeRun,
    Observe,
    Restart,
    Resume,
    RunFields,
    SendEvent,
    Start,
    TheRun,
    TimeTravel,
)

_ONE = "/workflows/{workflow_id}"
_RUN = f"{_ONE}/runs/{{run_id}}"
_HELD = (e.RunHeld,)
_START = (e.InvalidInput, e.RunAlreadyStarted)
_RESUME = (e.RunNotSuspended, e.StepNotSuspended, e.AlreadyAnswered, e.InvalidResumeData, *_HELD)
_TRAVEL = (e.TimeTravelTarget, e.RunAlive, e.InvalidStepInput)


def _route(
    method: Method, path: str, handler: Any, scope: Scope, *errors: type[e.CadenzaError], **read: Any
) -> Route[Any, Any]:
    known = (e.UnknownWorkflow,) if "{workflow_id}" in path else ()
    return Route(
        method=method,
        path=path,
        handler=handler,
        scope=scope,
        summary=handler.__doc__.partition("\n")[0],
        errors=(*known, *errors),
        tags=("mastra",),
        **read,
    )


def _streamed(
    path: str, handler: Any, scope: Scope, *errors: type[e.CadenzaError], **read: Any
) -> Route[Any, Any]:
    method: Method = "GET" if handler is legacy.watch else "POST"
    return _route(method, path, handler, scope, *errors, media="text/plain", **read)


ROUTES: list[Route[Any, Any]] = [
    _route("GET", "/workflows", runs.list_workflows, "read", query=Catalogue),
    # Before the one with a name in its place.
    _route("GET", "/workflows/run-counts", runs.run_counts, "read"),
    _route("GET", _ONE, runs.show_workflow, "read"),
    _route("GET", f"{_ONE}/runs", runs.list_runs, "read", query=ListRuns),
    _route("GET", _RUN, runs.show_run, "read", e.RunNotFound, query=RunFields),
    _route("DELETE", _RUN, runs.delete_run, "admin", e.RunNotFound, e.RunConflict),
    _route("POST", f"{_ONE}/create-run", actions.create_run, "start", e.WrongWorkflow, query=MaybeRun, body=CreateRun),
    _route("POST", f"{_ONE}/start-async", actions.start_async, "start", *_START, query=MaybeRun, body=Start),
    _route("POST", f"{_ONE}/start", actions.start, "start", e.RunNotFound, query=TheRun, body=Start),
    _streamed(f"{_ONE}/stream", streams.stream, "start", e.RunAlreadyStarted, query=TheRun, body=Start),
    _streamed(f"{_ONE}/streamVNext", streams.stream, "start", e.RunAlreadyStarted, query=TheRun, body=Start),
    _route("POST", f"{_ONE}/resume-async", actions.resume_async, "resume", e.RunNotFound, *_RESUME, query=TheRun, body=Resume),
    _route("POST", f"{_ONE}/resume", actions.resume, "resume", e.RunNotFound, query=TheRun, body=Resume),
    _route("POST", f"{_ONE}/resume-no-wait", actions.resume_no_wait, "resume", e.RunNotFound, *_RESUME, query=TheRun, body=Resume),
    _streamed(f"{_ONE}/resume-stream", streams.resume_stream, "resume", e.RunNotFound, query=TheRun, body=Resume),
    _streamed(f"{_ONE}/resumeStreamVNext", streams.resume_stream, "resume", e.RunNotFound, query=TheRun, body=Resume),
    *(
        _streamed(f"{_ONE}/{name}", streams.observe_run, "read", e.RunNotFound, query=Observe)
        for name in ("observe", "observe-stream", "observe-streamVNext")
    ),
    _route("POST", f"{_RUN}/cancel", actions.cancel, "admin", e.RunNotFound),
    _route("POST", f"{_ONE}/time-travel-async", actions.time_travel_async, "admin", e.RunNotFound, *_TRAVEL, query=TheRun, body=TimeTravel),
    _route("POST", f"{_ONE}/time-travel", actions.time_travel, "admin", e.RunNotFound, query=TheRun, body=TimeTravel),
    _streamed(f"{_ONE}/time-travel-stream", streams.time_travel_stream, "admin", e.RunNotFound, query=TheRun, body=TimeTravel),
    _route("POST", f"{_ONE}/restart-async", actions.restart_async, "admin", e.RunNotFound, e.RunNotActive, query=TheRun, body=Restart),
    _route("POST", f"{_ONE}/restart", actions.restart, "admin", e.RunNotFound, query=TheRun, body=Restart),
    *(
        _route("POST", f"{_ONE}/restart-all-active-workflow-runs{end}", actions.restart_all, "admin")
        for end in ("", "-async")
    ),
    _streamed(f"{_ONE}/stream-legacy", legacy.stream_legacy, "start", e.RunAlreadyStarted, query=TheRun, body=Start),
    _streamed(f"{_ONE}/observe-stream-legacy", legacy.observe_legacy, "read", e.RunNotFound, query=TheRun),
    _streamed(f"{_ONE}/watch", legacy.watch, "read", e.RunNotFound, query=TheRun),
    _route("GET", f"{_RUN}/execution-result", legacy.execution_result, "read", e.RunNotFound),
    _route("POST", f"{_RUN}/send-event", legacy.send_event, "resume", e.RunNotFound, e.InvalidResumeData, body=SendEvent),
]  # fmt: skip

FACE = Face(
    prefix="/api",
    routes=[*ROUTES, *schedules.ROUTES],
    refuse=failures.refuse,
    status=failures.status,
    error_media=failures.MEDIA,
    error_schema=failures.SCHEMA,
)
