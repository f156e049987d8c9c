"""Workflows as our routes describe them: their graph, their steps, their schemas, and how their runs stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...engine.deploy import DeployIssue, DeployReport
from ...history.record import RunStatus
from ...model.graph import Foreach, Loop, Map, Nested, Place, Single, Sleep, SleepUntil, WaitForEvent
from ...model.members import Members
from ...model.outline import outline
from ...model.retry import retry_of
from ...model.schema import Schema
from ...model.step import Step
from ...model.values import Json
from ...model.workflow import Workflow
from ...store.base import Counted


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsTold:
    """How many runs stand in each status (those that none has are left out), and how many questions are open."""

    runs: Mapping[RunStatus, int]
    open: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowTold(CountsTold):
    """A workflow, as lists show it. `steps` counts those in nested workflows too."""

    id: str
    description: str
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowsTold:
    """All workflows that are registered, in that order."""

    workflows: Sequence[WorkflowTold]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTold:
    """A step, a nested workflow, or a wait for an event. Schemas are JSON Schemas, or null where anything goes.

    `retries` is how often it is tried again. What an event brings is the `resume_schema` of its wait.
    """

    kind: str
    description: str
    input_schema: Any
    output_schema: Any
    suspend_schema: Any
    resume_schema: Any
    retries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowShown(CountsTold):
    """A workflow in whole. `graph` is a list of nodes that run one after another; `steps` are by dotted id ("nested.approve")."""

    id: str
    description: str
    input_schema: Any
    result_schema: Any
    state_schema: Any
    graph: Sequence[Mapping[str, Any]]
    steps: Mapping[str, StepTold]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputTold:
    """An input that a run was given, and the last run that was."""

    input: Any
    run_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InputsTold:
    """What runs of a workflow were given lately: each input once, the latest first."""

    inputs: Sequence[InputTold]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfit:
    """A question for which today's code is not what asked it; or, without `suspension_id`, a run that cannot go on at all."""

    run_id: str
    suspension_id: str | None
    step: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FitTold:
    """How many open questions go on with today's code, and which do not.

    Those that are `restricted` are among those that fit: they take only answers which also fit what was asked. Of each list
    the first 1000 are told; the counts are whole.
    """

    fits: int
    held: Sequence[Unfit]
    held_count: int
    restricted: Sequence[Unfit]
    restricted_count: int


_NONE = Counted(runs={})


def workflow_told(workflow: Workflow[Any, Any], counted: Counted | None) -> WorkflowTold:
    """*workflow*, as lists show it."""
    found = counted or _NONE
    steps = sum(step.kind == "step" for _, step in _steps(workflow, ""))
    return WorkflowTold(
        id=workflow.id,
        description=workflow.description,
        steps=steps,
        runs=found.runs,
        open=found.open,
    )


def workflow_shown(workflow: Workflow[Any, Any], counted: Counted | None) -> WorkflowShown:
    """*workflow*, in whole."""
    found = counted or _NONE
    return WorkflowShown(
        id=workflow.id,
        description=workflow.description,
        input_schema=_schema(workflow.input),
        result_schema=_schema(workflow.output),
        state_schema=_schema(workflow.state),
        graph=outline(workflow.graph, workflow),
        steps=dict(_steps(workflow, "")),
        runs=found.runs,
        open=found.open,
    )


def fit_told(report: DeployReport) -> FitTold:
    """What a check of the runs of one workflow found."""
    return FitTold(
        fits=report.going_on,
        held=[_unfit(issue) for issue in report.stuck],
        held_count=report.stuck_count,
        restricted=[_unfit(issue) for issue in report.restricted],
        restricted_count=report.restricted_count,
    )


def _unfit(issue: DeployIssue) -> Unfit:
    return Unfit(run_id=issue.run_id, suspension_id=issue.suspension_id, step=issue.path, reason=issue.reason)


def _steps(workflow: Members, prefix: str) -> Iterator[tuple[str, StepTold]]:
    for id_, place in workflow.graph.places.items():
        told = _step(workflow, id_, place)
        if told is not None:
            yield f"{prefix}{id_}", told
        member = workflow.members.get(id_)
        if isinstance(member, Workflow):
            yield from _steps(member, f"{prefix}{id_}.")


def _step(workflow: Members, id_: str, place: Place) -> StepTold | None:
    match place:
        case Single() | Nested() | Loop() | Foreach():
            return _member(workflow, workflow.members[id_])
        case WaitForEvent():
            return _told("event", resume_schema=_schema(workflow.events[id_]))
        case Map() | Sleep() | SleepUntil():
            return None


def _member(workflow: Members, member: Step[Any, Any] | Workflow[Any, Any]) -> StepTold:
    schemas = {"input_schema": _schema(member.input), "output_schema": _schema(member.output)}
    if isinstance(member, Workflow):
        # The workflow around it starts it anew, as often as its own steps.
        retries = workflow.retry.attempts
        return _told("workflow", description=member.description, retries=retries, **schemas)
    return _told(
        "step",
        description=member.description,
        suspend_schema=_schema(member.suspend),
        resume_schema=_schema(member.resume),
        retries=retry_of(member.retries, workflow.retry).attempts,
        **schemas,
    )


def _told(kind: str, **known: Json) -> StepTold:
    nothing: dict[str, Any] = {
        "description": "",
        "input_schema": None,
        "output_schema": None,
        "suspend_schema": None,
        "resume_schema": None,
        "retries": 0,
    }
    return StepTold(kind=kind, **nothing | known)


def _schema(schema: Schema) -> Json:
    return None if schema.anything else schema.describe()
