"""Routes that show workflows and runs, and the one that removes a run."""

from __future__ import annotations

from typing import Any

from ...errors import RunAlive
from ...history.record import RunStatus
from ...history.snapshot import fold
from ...model.values import Json
from ..refusal import Refusal
from ..route import Call
from .bodies import Catalogue, ListRuns, RunFields
from .catalogue import workflow_json
from .found import run_of, told_of, workflow_of
from .results import run_json, some_of, stored_json

# Mastra's other words for how a run stands; none of ours has ended so.
_STATUSES: dict[str, RunStatus] = {"paused": "held"}
_NEVER = {"bailed", "tripwire", "skipped"}


async def list_workflows(call: Call[Catalogue, None]) -> Json:
    """All workflows, by the name that they are asked for with."""
    partial = call.query.partial == "true"
    return {
        name: workflow_json(call.cadenza.workflow(id_).workflow, partial=partial)
        for name, id_ in _names(call).items()
    }


async def run_counts(call: Call[None, None]) -> Json:
    """How many runs of each workflow run and wait."""
    return {
        name: {status: await _count(call, id_, status) for status in ("running", "suspended")}
        for name, id_ in _names(call).items()
    }


async def show_workflow(call: Call[None, None]) -> Json:
    """One workflow."""
    return workflow_json(workflow_of(call))


async def list_runs(call: Call[ListRuns, None]) -> Json:
    """Stored runs of a workflow, newest first; `total` counts all that match."""
    query = call.query
    workflow = workflow_of(call)
    limit, offset = query.window
    mine = call.principal.resource_id
    if query.status in _NEVER or (mine is not None and query.resource_id not in {None, mine}):
        return {"runs": [], "total": 0}
    status = _STATUSES.get(query.status, query.status) if query.status is not None else None
    page = await call.cadenza.list_runs(
        workflow=workflow,
        status=status,  # type: ignore[arg-type]  # those that no run here can have were sent back above
        resource_id=query.resource_id if mine is None else mine,
        created_from=query.from_date,
        created_to=query.to_date,
        limit=limit,
        offset=offset,
    )
    engine = call.cadenza.engine
    runs = []
    for row in page.runs:
        snapshot = fold(await call.cadenza.store.entries(row.id))
        runs.append(stored_json(row, workflow, snapshot, await engine.graph(workflow, row.id, snapshot)))
    return {"runs": runs, "total": page.total}


async def show_run(call: Call[RunFields, None]) -> Json:
    """One run."""
    found, snapshot, graph = await told_of(call, call.path["run_id"])
    nested = call.query.with_nested_workflows == "true"
    told = run_json(found.row, found.workflow, snapshot, graph, nested=nested)
    return some_of(told, call.query.fields.split(",")) if call.query.fields else told


async def delete_run(call: Call[None, None]) -> Json:
    """Remove a run that nobody drives."""
    found = await run_of(call, call.path["run_id"])
    try:
        await call.cadenza.delete_run(found.row.id)
    except RunAlive as error:
        # A 500 would be sent three times more.
        raise Refusal(409, error.code, str(error)) from None
    return {"message": "Workflow run deleted"}


def _names(call: Call[Any, Any]) -> dict[str, str]:
    others = {id_: name for name, id_ in call.aliases.items()}
    return {others.get(id_, id_): id_ for id_ in call.cadenza.workflows}


async def _count(call: Call[None, None], workflow: str, status: RunStatus) -> int:
    page = await call.cadenza.list_runs(
        workflow=workflow, status=status, resource_id=call.principal.resource_id, limit=0
    )
    return page.total
