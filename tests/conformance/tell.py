"""What came of an action, as a record: SCENARIO.md, section 5."""

from __future__ import annotations

import json
from typing import Any

from cadenza import errors

_KINDS = {
    errors.InvalidInput: "INVALID_INPUT",
    errors.InvalidState: "INVALID_STATE",
    errors.InvalidResumeData: "INVALID_RESUME_DATA",
    errors.InvalidStepInput: "INVALID_STEP_INPUT",
    errors.InvalidSuspendData: "INVALID_SUSPEND_DATA",
    errors.InvalidStateData: "INVALID_STATE_DATA",
    errors.RunNotSuspended: "RUN_NOT_SUSPENDED",
    errors.StepNotSuspended: "STEP_NOT_SUSPENDED",
    errors.AmbiguousStep: "AMBIGUOUS_STEP",
    errors.AlreadyAnswered: "ALREADY_CLAIMED",
    errors.TimeTravelTarget: "TIME_TRAVEL_TARGET",
    errors.TimeTravelNoStep: "TIME_TRAVEL_NO_STEP",
    errors.RunNotActive: "RUN_NOT_ACTIVE",
    errors.EmptyWorkflow: "EMPTY_WORKFLOW",
    errors.UncommittedWorkflow: "UNCOMMITTED",
    errors.InvalidMapPath: "INVALID_MAP_PATH",
    errors.UnknownLabel: "UNKNOWN_LABEL",
    errors.ConflictingTarget: "CONFLICTING_TARGET",
    errors.InvalidIndex: "INVALID_INDEX",
    errors.RunNotFound: "RUN_NOT_FOUND",
    errors.RunAlreadyStarted: "RUN_ALREADY_STARTED",
}
_BY_CODE = {kind.code: name for kind, name in _KINDS.items()}


def thrown(error: BaseException, run_id: str) -> dict[str, Any]:
    """An exception that a call about *run_id* raised, as an Error."""
    kind = _KINDS.get(type(error))
    if kind is None and isinstance(error, errors.DefinitionError):
        kind = "INVALID_WORKFLOW"
    if kind is None:
        # A call that raises anything else has come upon a fault of the library.
        kind = error.code.upper() if isinstance(error, errors.CadenzaError) else "INTERNAL"
    message = str(error) or type(error).__name__
    record: dict[str, Any] = {"kind": kind, "message": message.replace(run_id, "<runId>")}
    if isinstance(error, errors.InvalidData):
        record["paths"] = error.paths
    return record


def failure(error: Any, run_id: str) -> dict[str, Any]:
    """A failure of a run or step as an Error."""
    record: dict[str, Any] = {"message": error.message.replace(run_id, "<runId>")}
    if error.code:
        record["kind"] = _BY_CODE.get(error.code, error.code.upper())
    if error.issues:
        record["paths"] = sorted({path for path, _ in error.issues})
    return record


def outcome(result: Any, *, whole: bool) -> dict[str, Any]:
    """A result as an Outcome; with *whole* as `get_run` sees it."""
    record: dict[str, Any] = {"status": status(result.status)}
    if result.status == "success" and result.result is not None:
        record["result"] = result.result
    if result.status == "failed":
        record["error"] = failure(result.error, result.run_id)
    if not whole:
        if result.status == "suspended":
            record["suspended"] = sorted(result.suspended, key=as_text)
            record["suspendPayload"] = result.suspend_payload
        if result.state is not None:
            record["state"] = result.state
        if result.resume_labels:
            record["resumeLabels"] = {
                label: _label(row, result) for label, row in result.resume_labels.items()
            }
    steps = {name: step for name, step in result.steps.items() if whole or "." not in name}
    record["steps"] = {name: _step(step, result.run_id) for name, step in sorted(steps.items())}
    return record


def status(found: str) -> str:
    """A status of ours in the words of the format, which has none for a sleep."""
    return "running" if found == "waiting" else found


def _label(row: Any, result: Any) -> dict[str, Any]:
    names: list[str] = []
    index: dict[str, int] = {}
    for part in row.path:
        if isinstance(part, str):
            names.append(part)
            continue
        around = result.steps.get(".".join(names))
        if around is not None and around.items is not None:  # else the round of a loop
            index.setdefault("index", part)
    return {"step": ".".join(names), **index}


def _step(step: Any, run_id: str) -> dict[str, Any]:
    stamps = ("started", "suspended", "resumed", "ended")
    record = {
        "status": status(step.status),
        "payload": step.payload,
        "resumePayload": step.resume_payload,
        "suspendPayload": step.suspend_payload,
        "output": step.output,
        "error": failure(step.error, run_id) if step.error else None,
        "times": " ".join(name for name in stamps if getattr(step, f"{name}_at") is not None),
    }
    return {key: value for key, value in record.items() if value is not None}


def event(found: dict[str, Any]) -> str:
    """The type of a stream event, with the step it is about."""
    kind = found["type"].removeprefix("workflow-")
    return f"{kind}:{found['payload']['id']}" if kind.startswith("step-") else kind


def as_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def is_parallel(workflow: dict[str, Any]) -> bool:
    """Whether the order of steps is open: a parallel, a branch or a concurrent foreach anywhere."""
    for entry in workflow["graph"]:
        if isinstance(entry, dict) and (
            "parallel" in entry or "branch" in entry or entry.get("concurrency", 1) > 1
        ):
            return True
    return any(is_parallel(step["workflow"]) for step in workflow["steps"].values() if "workflow" in step)
