"""What a request on Mastra's routes is about: its workflow and its run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import RunNotFound, WrongWorkflow
from ...history.snapshot import Snapshot
from ...model.graph import Graph
from ...model.values import Json
from ...model.workflow import Workflow
from ...run import new_run_id
from ...store.base import RunRow
from ...tracing.options import Asked, TracingOptions
from ..refusal import Refusal
from ..route import Call
from .bodies import Acting

# Keys that Mastra's server keeps for itself; from outside they are dropped.
RESERVED = frozenset(
    {
        "mastra__resourceId",
        "mastra__threadId",
        "mastra__user",
        "mastra__userPermissions",
        "mastra__userRoles",
        "mastra__authToken",
        "mastra__isStudio",
        "mastra__authMode",
        "mastra__inheritedMemory",
        "organizationId",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A run and its workflow."""

    workflow: Workflow[Any, Any]
    row: RunRow


def workflow_of(call: Call[Any, Any]) -> Workflow[Any, Any]:
    """The workflow that the path names, by its id or another name.

    Raises `UnknownWorkflow`.
    """
    name = call.path["workflow_id"]
    return call.cadenza.workflow(call.aliases.get(name, name)).workflow


async def run_of(call: Call[Any, Any], run_id: str) -> Found:
    """That run of the workflow.

    Raises `UnknownWorkflow`, `RunNotFound`, `WrongWorkflow`, and `Refusal` where it is not theirs to see.
    """
    workflow = workflow_of(call)
    row = await call.cadenza.store.row(run_id)
    if row is None:
        raise RunNotFound(run_id)
    _see(call, workflow, row)
    return Found(workflow=workflow, row=row)


async def run_or_new(call: Call[Any, Any], run_id: str | None, resource_id: str | None) -> Found:
    """That run, made where there is none; without an id a new one."""
    workflow = workflow_of(call)
    mine = call.principal.resource_id
    id_ = new_run_id() if run_id is None else run_id
    await call.cadenza.engine.create(workflow, id_, resource_id if mine is None else mine)
    return await run_of(call, id_)


async def told_of(call: Call[Any, Any], run_id: str) -> tuple[Found, Snapshot, Graph]:
    """The run with what happened to it and the graph that it is pinned to."""
    found = await run_of(call, run_id)
    snapshot = await call.cadenza.engine.snapshot(run_id)
    return found, snapshot, await call.cadenza.engine.graph(found.workflow, run_id, snapshot)


def context_of(body: Acting) -> Mapping[str, Json] | None:
    """The runtime context that came with a request; None where none did."""
    given = body.request_context
    return None if given is None else {key: value for key, value in given.items() if key not in RESERVED}


def tracing_of(body: Acting) -> Asked:
    """What the request says of tracing; what is no use for a trace is left out."""
    given = body.tracing_options or {}
    metadata, tags = given.get("metadata"), given.get("tags")
    return Asked(
        options=TracingOptions(
            metadata=metadata if isinstance(metadata, dict) else {},
            tags=[tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else (),
            trace_id=_hex(given.get("traceId"), 32),
            parent_span_id=_hex(given.get("parentSpanId"), 16),
        )
    )


def _hex(given: Json, digits: int) -> str | None:
    fits = isinstance(given, str) and re.fullmatch(f"[0-9a-fA-F]{{1,{digits}}}", given) is not None
    return given if fits else None


def refuse_steps(body: Acting) -> None:
    """Refuse `perStep`: a run here goes on until it rests.

    Raises `Refusal`.
    """
    if body.per_step:
        raise Refusal(
            400, "per_step_unsupported", "perStep is not supported: a run goes on until it waits or ends"
        )


def _see(call: Call[Any, Any], workflow: Workflow[Any, Any], row: RunRow) -> None:
    if row.workflow != workflow.id:
        raise WrongWorkflow(row.id, row.workflow, workflow.id)
    mine = call.principal.resource_id
    if mine is not None and row.resource != mine:
        raise Refusal(403, "other_resource", "Access denied: workflow run belongs to a different resource")
