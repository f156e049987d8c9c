"""Workflows as Mastra's routes describe them: steps with their schemas, and the graph."""

from __future__ import annotations

from typing import Any

from ...model.graph import (
    Branch,
    Foreach,
    Graph,
    Loop,
    Map,
    Nested,
    Node,
    Parallel,
    Single,
    Sleep,
    SleepUntil,
    WaitForEvent,
    inside,
)
from ...model.members import Members
from ...model.schema import Schema
from ...model.step import Step
from ...model.values import Json, encode
from ...model.workflow import Workflow
from .schemas import schema_text

_OPTIONS: Json = {"validateInputs": True, "emitStepEvents": True}


def workflow_json(workflow: Workflow[Any, Any], *, partial: bool = False) -> Json:
    """WorkflowInfo; *partial*: without steps and schemas."""
    head = _present(
        name=workflow.id, description=workflow.description or None, metadata=workflow.metadata or None
    )
    graph = step_graph(workflow.graph, workflow)
    options = {**_OPTIONS, "validateInputs": workflow.validate_inputs is not False}
    places = list(workflow.graph.places)
    if partial:
        rest = {"stepCount": len(places), "stepGraph": graph, "options": options, "steps": {}, "allSteps": {}}
        return {**head, **rest, "origin": "code"}
    return {
        **head,
        "origin": "code",
        "steps": {id_: _place_json(id_, workflow) for id_ in places},
        "allSteps": _all_steps(workflow, ""),
        "stepGraph": graph,
        **_present(
            inputSchema=schema_text(workflow.input),
            outputSchema=schema_text(workflow.output),
            stateSchema=schema_text(workflow.state),
        ),
        "options": options,
        "isProcessorWorkflow": False,
    }


def _all_steps(workflow: Workflow[Any, Any], prefix: str) -> Json:
    found: dict[str, Json] = {}
    for id_, place in workflow.graph.places.items():
        member = workflow.members.get(id_)
        nested = member if isinstance(member, Workflow) and inside(place) is not None else None
        found[f"{prefix}{id_}"] = {**_place_json(id_, workflow), "isWorkflow": nested is not None}
        if nested is not None:
            found |= _all_steps(nested, f"{prefix}{id_}.")
    return found


def _place_json(id_: str, workflow: Workflow[Any, Any]) -> Json:
    member = workflow.members.get(id_)
    if isinstance(member, Workflow):
        return _present(
            id=id_,
            description=member.description or None,
            inputSchema=schema_text(member.input),
            outputSchema=schema_text(member.output),
            stateSchema=schema_text(member.state),
            component="WORKFLOW",
            metadata=member.metadata or None,
        )
    if member is None:
        event = workflow.events.get(id_)
        return _present(id=id_, resumeSchema=schema_text(event) if event is not None else None)
    return _present(
        id=id_,
        description=member.description or None,
        inputSchema=schema_text(member.input),
        outputSchema=schema_text(member.output),
        resumeSchema=schema_text(member.resume),
        suspendSchema=schema_text(member.suspend),
        stateSchema=schema_text(member.state),
        metadata=member.metadata or None,
    )


def step_graph(graph: Graph, code: Members | None) -> list[Json]:
    """*graph* in Mastra's form; *code* is today's, for descriptions, as far as it still has the steps."""
    return [_node_json(node, code) for node in graph.nodes]


def _node_json(node: Node, code: Members | None) -> Json:
    match node:
        case Single() | Nested():
            return _body_json(node, code)
        case Parallel(children=children):
            return {"type": "parallel", "steps": [_body_json(child, code) for child in children]}
        case Branch(children=children, conditions=conditions):
            steps = [_body_json(child, code) for child in children]
            told = [
                {"id": f"{child.id}-condition", "fn": condition}
                for child, condition in zip(children, conditions, strict=True)
            ]
            return {"type": "conditional", "steps": steps, "serializedConditions": told}
        case Map(id=id_, sources=sources, fn=fn):
            return {
                "type": "mapping",
                "id": id_,
                "mapConfig": fn or _sources_text([key for key, _ in sources]),
            }
        case Loop(id=id_, body=body, condition=condition, until=until):
            return {
                "type": "loop",
                "loopType": "dountil" if until else "dowhile",
                "step": _body_json(body, code),
                "serializedCondition": {"id": f"{id_}-condition", "fn": condition},
            }
        case Foreach(body=body, concurrency=concurrency):
            return {"type": "foreach", "step": _body_json(body, code), "opts": {"concurrency": concurrency}}
        case Sleep(id=id_, seconds=seconds, fn=fn):
            length = {"duration": round(seconds * 1000)} if seconds is not None else {"fn": fn}
            return {"type": "sleep", "id": id_, **length}
        case SleepUntil(id=id_, when=when, fn=fn):
            moment = {"date": when.isoformat()} if when is not None else {"fn": fn}
            return {"type": "sleepUntil", "id": id_, **moment}
        case WaitForEvent(id=id_, event=event):
            return {"type": "waitForEvent", "event": event, "step": {"id": id_}}


def _body_json(body: Single | Nested, code: Members | None) -> Json:
    member = code.members.get(body.id) if code is not None else None
    if isinstance(body, Nested):
        inner = member if isinstance(member, Workflow) else None
        flow = step_graph(body.graph, inner)
        return {
            "type": "workflow",
            "id": body.id,
            "workflowId": body.graph.workflow,
            "serializedStepFlow": flow,
        }
    step = member if isinstance(member, Step) else None
    described = step.description if step is not None else ""
    can_suspend = step is not None and not (_open(step.resume) and _open(step.suspend))
    return {
        "type": "step",
        "step": _present(id=body.id, description=described or None, canSuspend=can_suspend),
    }


def _open(schema: Schema) -> bool:
    return schema.anything


def _sources_text(keys: list[str]) -> str:
    return encode(keys).decode()


def _present(**fields: Json) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if value is not None}
