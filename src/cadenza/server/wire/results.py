"""Runs as Mastra's routes tell them: the result of an action, a run by its id, and what is stored of it.

Times inside steps are milliseconds since 1970; those of a run are ISO 8601 with milliseconds, in UTC.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any

from ...history.event import Failure
from ...history.result import OutputOptions, StepResult, SuspendedRun, WorkflowResult, result_of
from ...history.snapshot import Snapshot
from ...model.graph import Branch, Foreach, Graph, Loop, Parallel
from ...model.members import Members
from ...model.path import ids
from ...model.values import Json
from ...store.base import RunRow
from .catalogue import step_graph


def wire_status(status: str) -> str:
    """Mastra has no word for a run that is held: it stands still, and has not ended."""
    return "paused" if status == "held" else status


def millis(at: datetime) -> int:
    """Milliseconds since 1970."""
    return round(at.timestamp() * 1000)


def iso(at: datetime) -> str:
    """`2026-11-22T12:27:09.548Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def failure_json(error: Failure) -> Json:
    """An error that a step raised, or the run ended with."""
    code = {"code": error.code} if error.code is not None else {}
    return {"message": error.message, "name": error.name, **code}


def result_json(run_id: str, workflow: Members, snapshot: Snapshot, graph: Graph) -> Json:
    """What start-async, resume-async, time-travel-async and restart-async give."""
    result = result_of(run_id, workflow.id, snapshot, OutputOptions())
    steps = {"input": result.input, **_steps(result, snapshot, graph, nested=False)}
    return {
        "status": wire_status(result.status),
        "steps": steps,
        "input": result.input,
        "stepExecutionPath": _walked(snapshot, graph),
        **_outcome(result, snapshot),
        **_suspended(result),
        "runId": run_id,
    }


def run_json(row: RunRow, workflow: Members, snapshot: Snapshot, graph: Graph, *, nested: bool) -> Json:
    """A run by its id. It has what 1.x reads, and `snapshot`, which 0.2x does."""
    result = result_of(row.id, workflow.id, snapshot, OutputOptions())
    return {
        **_head(row),
        "status": wire_status(snapshot.status),
        **({"initialState": snapshot.state} if snapshot.state else {}),
        **_outcome(result, snapshot),
        **({"payload": result.input} if snapshot.seq else {}),
        "steps": _steps(result, snapshot, graph, nested=nested),
        **_where(snapshot, graph, workflow),
        "snapshot": snapshot_json(row, workflow, snapshot, graph),
    }


def some_of(run: dict[str, Json], fields: Collection[str]) -> Json:
    """*run* with its metadata and those *fields* that it has."""
    kept = {"runId", "workflowName", "resourceId", "createdAt", "updatedAt", "status", *fields}
    return {name: value for name, value in run.items() if name in kept}


def stored_json(row: RunRow, workflow: Members, snapshot: Snapshot, graph: Graph) -> Json:
    """A run in a list."""
    return {**_head(row), "snapshot": snapshot_json(row, workflow, snapshot, graph)}


def snapshot_json(row: RunRow, workflow: Members, snapshot: Snapshot, graph: Graph) -> Json:
    """What Mastra stores of a run."""
    result = result_of(row.id, workflow.id, snapshot, OutputOptions())
    given = {"input": result.input} if snapshot.seq else {}
    return {
        "runId": row.id,
        "status": wire_status(snapshot.status),
        "value": snapshot.state,
        "context": {**given, **_steps(result, snapshot, graph, nested=False)},
        "activePaths": [],
        "stepExecutionPath": _walked(snapshot, graph),
        **_where(snapshot, graph, workflow),
        **_outcome(result, snapshot),
        "requestContext": snapshot.context,
        "timestamp": millis(row.updated_at),
    }


def _head(row: RunRow) -> Json:
    resource = {"resourceId": row.resource} if row.resource is not None else {}
    return {
        "runId": row.id,
        "workflowName": row.workflow,
        **resource,
        "createdAt": iso(row.created_at),
        "updatedAt": iso(row.updated_at),
    }


def _outcome(result: WorkflowResult[Any], snapshot: Snapshot) -> Json:
    if result.status == "success":
        return {"result": result.result}
    if result.status == "failed":
        return {"error": failure_json(result.error)}
    return {"error": {"message": snapshot.held, "name": "RunHeld"}} if snapshot.held is not None else {}


def _suspended(result: WorkflowResult[Any]) -> Json:
    if not isinstance(result, SuspendedRun):
        return {}
    return {"suspended": result.suspended, "suspendPayload": result.suspend_payload}


def _where(snapshot: Snapshot, graph: Graph, workflow: Members) -> Json:
    """Where the run stands: by outermost step, the numbers that lead to it in the graph."""
    by_status: dict[str, dict[str, Json]] = {"running": {}, "waiting": {}, "suspended": {}}
    spots = dict(_spots(graph))
    for id_, result in _top(snapshot):
        if id_ in spots and result in by_status:
            by_status[result][id_] = spots[id_]
    labels = {
        label: {"stepId": ".".join(ids(row.path)), **_index(row.path)}
        for row in snapshot.open.values()
        for label in row.labels
    }
    return {
        "activeStepsPath": by_status["running"] if snapshot.status == "running" else {},
        "serializedStepGraph": step_graph(graph, workflow),
        "suspendedPaths": by_status["suspended"],
        "resumeLabels": labels,
        "waitingPaths": by_status["waiting"],
    }


def _index(path: tuple[str | int, ...]) -> Json:
    number = next((part for part in path if isinstance(part, int)), None)
    return {} if number is None else {"foreachIndex": number}


def _top(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """The status of each outermost step: suspended where anything inside is open."""
    open_ids = {str(row.path[0]) for row in snapshot.open.values()}
    for path, record in snapshot.records.items():
        id_ = str(path[0])
        if record.status in {"running", "waiting"} and id_ not in open_ids:
            yield id_, record.status
    for id_ in open_ids:
        yield id_, "suspended"


def _spots(graph: Graph) -> Iterator[tuple[str, list[int]]]:
    for number, node in enumerate(graph.nodes):
        if isinstance(node, Parallel | Branch):
            yield from ((child.id, [number, i]) for i, child in enumerate(node.children))
        else:
            yield node.id, [number]


def _walked(snapshot: Snapshot, graph: Graph) -> list[str]:
    """The steps that were begun one after the other: not those of blocks, loops and foreach."""
    plain = {node.id for node in graph.nodes if not isinstance(node, Parallel | Branch | Loop | Foreach)}
    return [str(path[0]) for path in snapshot.records if len(path) == 1 and path[0] in plain]


def _steps(result: WorkflowResult[Any], snapshot: Snapshot, graph: Graph, *, nested: bool) -> Json:
    found: dict[str, Json] = {}
    for id_, step in result.steps.items():
        if "." in id_ and not nested:
            continue
        found[id_] = step_json(step)
        place = graph.places.get(id_)
        if isinstance(place, Loop):
            found[id_]["metadata"] = {"iterationCount": snapshot.rounds.get((id_,), 0) + 1}
        if step.status == "suspended":
            _explain(found[id_], id_, step, result.run_id, snapshot)
            if nested and any(other.startswith(f"{id_}.") for other in result.steps):
                # Mastra shows a workflow whose step waits as running, where that step stands beside it.
                found[id_]["status"] = "running"
    return found


def _explain(told: dict[str, Json], id_: str, step: StepResult, run_id: str, snapshot: Snapshot) -> None:
    """Put what the step of a suspended container has beside its payload: where inside it waits."""
    inner = [
        row.path
        for row in snapshot.open.values()
        if ids(row.path)[: id_.count(".") + 1] == tuple(id_.split("."))
    ]
    meta: dict[str, Json] = {}
    depth = id_.count(".") + 1
    rest = ids(inner[0])[depth:] if inner else ()
    if rest:
        meta = {"runId": run_id, "path": list(rest)}
    if step.items is not None:
        numbers = sorted(
            int(path[depth]) for path in inner if len(path) > depth and isinstance(path[depth], int)
        )
        outputs = [step_json(item) for item in step.items]
        meta |= {"foreachIndex": numbers[0] if numbers else 0, "foreachOutput": outputs, "resumeLabels": {}}
    if meta and isinstance(step.suspend_payload, dict):
        told["suspendPayload"] = {**step.suspend_payload, "__workflow_meta": meta}


def step_json(step: StepResult) -> dict[str, Json]:
    """What became of one step. What it asked is left out once it goes on."""
    told: dict[str, Json] = {"status": step.status, "payload": step.payload}
    if step.started_at is not None:
        told["startedAt"] = millis(step.started_at)
    if step.resumed_at is not None:
        told |= {"resumePayload": step.resume_payload, "resumedAt": millis(step.resumed_at)}
    if step.status == "suspended" and step.suspended_at is not None:
        told |= {"suspendPayload": step.suspend_payload, "suspendedAt": millis(step.suspended_at)}
    if step.status == "success":
        told["output"] = step.output
    if step.error is not None:
        told["error"] = failure_json(step.error)
    if step.ended_at is not None:
        told["endedAt"] = millis(step.ended_at)
    return told
