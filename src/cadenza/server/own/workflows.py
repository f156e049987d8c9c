"""Workflows: what is registered, of what it consists, and how its runs stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ...engine.deploy import check_deploy
from ...errors import UnknownWorkflow
from ...history.event import RunStarted
from ...model.values import encode
from ...store.base import Counted, RunQuery
from ..route import Call, Route
from .asked import CountsAsked, InputsAsked
from .described import (
    CountsTold,
    FitTold,
    InputsTold,
    InputTold,
    WorkflowShown,
    WorkflowsTold,
    fit_told,
    workflow_shown,
    workflow_told,
)

# So many of the newest runs are looked at for their inputs.
_LOOKED_AT = 200


async def list_workflows(call: Call[None, None]) -> WorkflowsTold:
    counted = await _counts(call)
    found = [workflow_told(workflow, counted.get(id_)) for id_, workflow in call.cadenza.workflows.items()]
    return WorkflowsTold(workflows=found)


async def get_workflow(call: Call[None, None]) -> WorkflowShown:
    workflow = call.cadenza.workflow(call.path["id"]).workflow
    counted = await _counts(call, workflow=workflow.id)
    return workflow_shown(workflow, counted.get(workflow.id))


async def check_fit(call: Call[None, None]) -> FitTold:
    workflow = call.cadenza.workflow(call.path["id"]).workflow
    report = await check_deploy(
        call.cadenza.engine,
        call.cadenza.workflows,
        workflow=workflow.id,
        resource=call.principal.resource_id,
    )
    return fit_told(report)


async def list_inputs(call: Call[InputsAsked, None]) -> InputsTold:
    workflow = call.cadenza.workflow(call.path["id"]).workflow
    page = await call.cadenza.list_runs(
        workflow=workflow, resource_id=call.principal.resource_id, limit=_LOOKED_AT
    )
    found: dict[bytes, InputTold] = {}
    for row in page.runs:
        if len(found) >= call.query.limit:
            break
        # How a run began stands in its first entry.
        for entry in await call.cadenza.store.entries(row.id, limit=1):
            if isinstance(entry.event, RunStarted):
                given = entry.event.input
                told = InputTold(input=given, run_id=row.id, created_at=row.created_at)
                found.setdefault(encode(given), told)
    return InputsTold(inputs=list(found.values()))


async def count_runs(call: Call[CountsAsked, None]) -> CountsTold:
    query = call.query.model_dump()
    resource = query.pop("resource_id")
    mine = call.principal.resource_id
    if mine is not None and resource not in {None, mine}:
        return CountsTold(runs={}, open=0)
    found = await _counts(call, **query, resource=resource)
    runs = sum((Counter(one.runs) for one in found.values()), Counter[Any]())
    return CountsTold(runs=runs, open=sum(one.open for one in found.values()))


async def _counts(
    call: Call[Any, None], *, resource: str | None = None, **query: Any
) -> Mapping[str, Counted]:
    """How the runs stand that match and that who asks may see."""
    mine = call.principal.resource_id
    return await call.cadenza.store.counts(RunQuery(**query, resource=resource if mine is None else mine))


ROUTES: list[Route[Any, Any]] = [
    Route(
        method="GET",
        path="/workflows",
        handler=list_workflows,
        scope="read",
        summary="All workflows, and how their runs stand",
        answer=WorkflowsTold,
        tags=("workflows",),
    ),
    Route(
        method="GET",
        path="/workflows/{id}",
        handler=get_workflow,
        scope="read",
        summary="One workflow: its graph, its steps and their schemas",
        answer=WorkflowShown,
        errors=(UnknownWorkflow,),
        tags=("workflows",),
    ),
    Route(
        method="GET",
        path="/workflows/{id}/inputs",
        handler=list_inputs,
        scope="read",
        summary="What its runs were given lately: each input once, the latest first",
        query=InputsAsked,
        answer=InputsTold,
        errors=(UnknownWorkflow,),
        tags=("workflows",),
    ),
    Route(
        method="GET",
        path="/workflows/{id}/fit",
        handler=check_fit,
        scope="read",
        summary="Which of its open questions go on with today's code",
        answer=FitTold,
        errors=(UnknownWorkflow,),
        tags=("workflows",),
    ),
    Route(
        method="GET",
        path="/counts",
        handler=count_runs,
        scope="read",
        summary="How many runs stand in each status, and how many questions are open",
        query=CountsAsked,
        answer=CountsTold,
        tags=("runs",),
    ),
]
