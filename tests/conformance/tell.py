"""What came of an action, as a record: SCENARIO.md, section 5."""

from __future__ import annotations

import re
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


def thrown(error: BaseException) -> dict[str, Any]:
    """An exception as an Error."""
    kind = _KINDS.get(type(error))
    if kind is None and isinstance(error, errors.DefinitionError):
        kind = "INVALID_WORKFLOW"
    if kind is None and isinstance(error, errors.CadenzaError):
        kind = error.code.upper()
    record: dict[str, Any] = {"kind": kind} if kind else {}
    record["message"] = str(error)
    if isinstance(error, errors.InvalidData):
        record["paths"] = error.paths
    return record


def failure(error: Any) -> dict[str, Any]:
    """A failure of a run or step as an Error."""
    record: dict[str, Any] = {"message": error.message}
    if error.code:
        record["kind"] = _BY_CODE.get(error.code, error.code.upper())
    if error.issues:
        record["paths"] = sorted({path for path, _ in error.issues})
    return record


def outcome(result: Any, *, whole: bool) -> dict[str, Any]:
    """A result as an Outcome; with *whole* as `get_run` sees it."""
    record: dict[str, Any] = {"status": result.status}
    if result.status == "success" and result.result is not None:
        record["result"] = result.result
    if result.status == "failed":
        record["error"] = failure(result.error)
    if not whole:
        if result.status == "suspended":
            record["suspended"] = sorted(result.suspended, key=_text)
            record["suspendPayload"] = result.suspend_payload
        if result.state is not None:
            record["state"] = result.state
        if result.resume_labels:
            record["resumeLabels"] = {label: _label(row) for label, row in result.resume_labels.items()}
    steps = {name: step for name, step in result.steps.items() if whole or "." not in name}
    record["steps"] = {name: _step(step) for name, step in sorted(steps.items())}
    return record


def _label(row: Any) -> dict[str, Any]:
    index = next((part for part in row.path if isinstance(part, int)), None)
    return {
        "step": ".".join(p for p in row.path if isinstance(p, str)),
        **({"index": index} if index is not None else {}),
    }


def _step(step: Any) -> dict[str, Any]:
    stamps = ("started", "suspended", "resumed", "ended")
    record = {
        "status": step.status,
        "payload": step.payload,
        "resumePayload": step.resume_payload,
        "suspendPayload": step.suspend_payload,
        "output": step.output,
        "error": failure(step.error) if step.error else None,
        "times": " ".join(name for name in stamps if getattr(step, f"{name}_at") is not None),
    }
    return {key: value for key, value in record.items() if value is not None}


def event(found: dict[str, Any]) -> str:
    """The type of a stream event, with the step it is about."""
    kind = found["type"].removeprefix("workflow-")
    return f"{kind}:{found['payload']['id']}" if kind.startswith("step-") else kind


def _text(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


def is_parallel(workflow: dict[str, Any]) -> bool:
    """Whether the order of steps is open: a parallel, a branch or a concurrent foreach anywhere."""
    for entry in workflow["graph"]:
        if isinstance(entry, dict) and (
            "parallel" in entry or "branch" in entry or entry.get("concurrency", 1) > 1
        ):
            return True
    return any(is_parallel(step["workflow"]) for step in workflow["steps"].values() if "workflow" in step)


def clean(text: str) -> str:
    """*text* without run ids."""
    return re.sub(r"run-[\w-]+", "<runId>", text)
