"""Whether the runs in a store can go on with the code that is loaded here; nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import InvalidStepInput, RunHeld, ValueUnreadable
from ..history.event import Suspension
from ..history.reading import is_same
from ..history.record import RunStatus
from ..history.snapshot import Snapshot, fold
from ..model.path import ids, show
from ..model.workflow import Workflow
from ..store.base import RunRow
from .answers import type_today
from .base import Engine
from .fit import why_held
from .listing import runs_with

_LIVING: tuple[RunStatus, ...] = ("pending", "running", "waiting", "suspended", "held")
# So many issues of each sort are kept; the others are only counted.
_KEPT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployIssue:
    """Why a run cannot go on. `path` ("nested.approve") and `suspension_id` are None where no question of it is open."""

    run_id: str
    workflow: str
    path: str | None
    suspension_id: str | None
    reason: str


@dataclass(slots=True, kw_only=True)
class DeployReport:
    """What a deploy of this code would mean for the runs of a store.

    `runs` that have not ended were looked at. Of their open suspensions `going_on` go on with this code; `restricted` are
    those among them for which today's type is not what was asked for, so that only answers which fit both are taken.
    `stuck` are suspensions, and runs without one, that do not go on. Of each list the first 1000 are kept; the counts are whole.
    """

    runs: int = 0
    going_on: int = 0
    restricted_count: int = 0
    stuck_count: int = 0
    restricted: list[DeployIssue] = field(default_factory=list)
    stuck: list[DeployIssue] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every run goes on."""
        return not self.stuck_count

    def add_stuck(self, row: RunRow, waiting: list[Suspension], reason: str) -> None:
        """Count a run that does not go on."""
        questions: list[Suspension | None] = [*waiting] or [None]
        for question in questions:
            self.stuck_count += 1
            if len(self.stuck) < _KEPT:
                self.stuck.append(_issue(row, question, reason))

    def add_open(self, row: RunRow, question: Suspension, restriction: str | None) -> None:
        """Count an open suspension that goes on."""
        self.going_on += 1
        if restriction is not None:
            self.restricted_count += 1
            if len(self.restricted) < _KEPT:
                self.restricted.append(_issue(row, question, restriction))


async def check_deploy(
    engine: Engine,
    workflows: Mapping[str, Workflow[Any, Any]],
    *,
    workflow: str | None = None,
    resource: str | None = None,
) -> DeployReport:
    """Hold all runs of *engine*'s store that have not ended against *workflows*. One run is in memory at a time.

    With *workflow* or *resource* those of that one alone.
    """
    report = DeployReport()
    async for row in runs_with(engine.store, _LIVING, workflow=workflow, resource=resource):
        report.runs += 1
        await _check(engine, workflows.get(row.workflow), row, report)
    return report


async def _check(
    engine: Engine, workflow: Workflow[Any, Any] | None, row: RunRow, report: DeployReport
) -> None:
    try:
        stored = await engine.store.load(row.id)
        if stored is None:  # removed meanwhile
            return
        snapshot = fold(stored.entries)
    except (ValueUnreadable, ValueError, LookupError) as error:
        # A key that is missing, an entry of a newer version: one such run must not hide what the others would say.
        report.add_stuck(row, [], f"what is kept of it cannot be read here: {error}")
        return
    waiting = [question for question in stored.suspensions if question.id in snapshot.open]
    if workflow is None:
        report.add_stuck(row, waiting, f"the workflow {row.workflow!r} is not registered in this app")
        return
    try:
        graph = await engine.graph(workflow, row.id, snapshot)
    except RunHeld as held:
        report.add_stuck(row, waiting, held.reason)
        return
    except ValueUnreadable as error:
        report.add_stuck(row, waiting, f"its graph cannot be read here: {error}")
        return
    held_event = why_held(workflow, graph, snapshot)
    if held_event is not None:
        report.add_stuck(row, waiting, held_event.reason)
        return
    for question in waiting:
        if (reason := _unreadable(workflow, snapshot, question)) is not None:
            report.add_stuck(row, [question], reason)
        else:
            report.add_open(row, question, _restriction(workflow, question))


def _unreadable(workflow: Workflow[Any, Any], run: Snapshot, question: Suspension) -> str | None:
    """Why the step of *question* could not run again, or None: it no longer takes the input on which it asked."""
    code = workflow.code(ids(question.path))
    record = run.records.get(question.path)
    if code is not None and record is not None and code.validate_inputs:
        try:
            code.step.input.read(record.payload, InvalidStepInput, code.step.where)
        except InvalidStepInput as error:
            return f"the input on which {code.step.where} asked no longer fits: {error}"
    return None


def _restriction(workflow: Workflow[Any, Any], question: Suspension) -> str | None:
    schema = type_today(workflow, question)
    if schema is None or is_same(schema, question.resume_schema):
        return None
    return f"today's code takes other answers at {show(question.path)} than it asked for: only those that fit both are taken"


def _issue(row: RunRow, question: Suspension | None, reason: str) -> DeployIssue:
    return DeployIssue(
        run_id=row.id,
        workflow=row.workflow,
        path=show(question.path) if question is not None else None,
        suspension_id=question.id if question is not None else None,
        reason=reason,
    )
