"""Inbox: the questions that are open over all runs, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from .engine.answers import check_actor
from .engine.base import Engine, Resuming
from .errors import AlreadyClaimed, InvalidDeadline, RunNotFound, SuspensionNotFound
from .history.due import due_extended
from .history.event import Suspension, SuspensionState
from .history.result import OutputOptions, WorkflowResult, result_of
from .history.resume import ResumeRequest, refuse
from .model.duration import Duration, duration_of
from .model.path import Path, show
from .model.value import altered
from .model.values import Json, isolate
from .model.workflow import Workflow
from .store.base import SuspensionQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """How one question was closed: who did what, when, and which way. It never changes and is kept as long as the run.

    `via`: "resume", "inbox", "event", "deadline" …; None where it was closed with its run, or because a rival was answered.
    """

    suspension_id: str
    path: Path
    key: str | None
    question: Json
    became: Literal["answered", "expired", "canceled", "superseded"]
    data: Json
    actor: str | None
    via: str | None
    reason: str | None
    idempotency_key: str | None
    opened_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxPage:
    """Some of the questions that match, oldest first, and how many there are in all."""

    items: list[Suspension]
    total: int


class Inbox:
    """Open suspensions, by their ids, whichever run they belong to."""

    def __init__(self, engine: Engine, workflow: Callable[[str], Workflow[Any, Any]]) -> None:
        self._engine = engine
        self._workflow = workflow

    async def list(
        self,
        *,
        workflow: Workflow[Any, Any] | str | None = None,
        status: SuspensionState = "open",
        run_id: str | None = None,
        label: str | None = None,
        assignee: str | None = None,
        claimed_by: str | None = None,
        resource_id: str | None = None,
        event: str | None = None,
        older_than: Duration | None = None,
        limit: int | None = 100,
        offset: int = 0,
    ) -> InboxPage:
        """The questions over all runs, oldest first: those that are open, or were closed in one way.

        Each has its `id`, `run_id`, `workflow`, `path`, question (`payload`), the JSON Schema of its answer (`resume_schema`),
        `deadline`, who may answer it (`assigned`) and who has claimed it.
        """
        if offset < 0 or (limit is not None and limit < 0):
            raise ValueError(f"limit and offset count from 0, found limit={limit}, offset={offset}")
        query = SuspensionQuery(
            run_id=run_id,
            event=event,
            state=status,
            workflow=workflow if workflow is None or isinstance(workflow, str) else workflow.id,
            label=label,
            assignee=assignee,
            claimed_by=claimed_by,
            resource=resource_id,
            opened_to=None if older_than is None else self._engine.clock.now() - duration_of(older_than),
            limit=limit,
            offset=offset,
        )
        store = self._engine.store
        items = [_copied(row) for row in await store.suspensions(query)]
        return InboxPage(items=items, total=await store.count_suspensions(query))

    async def get(self, suspension_id: str) -> Suspension:
        """One question, open or not.

        Raises `SuspensionNotFound`.
        """
        row = await self._engine.store.suspension(suspension_id)
        if row is None:
            raise SuspensionNotFound(suspension_id)
        return _copied(row)

    async def claim(self, suspension_id: str, actor: str) -> Suspension:
        """Let *actor* be the one who answers: others cannot until it is released. Again by the same one changes nothing.

        Raises `AlreadyClaimed`, `ActorNotAllowed`, and as `answer` does where it is not open.
        """
        row = await self.get(suspension_id)
        refuse(row)
        check_actor(row, actor, await self._engine.snapshot(row.run_id))
        while not await self._engine.set_claimant(row, actor):
            row = await self.get(suspension_id)
            refuse(row)
            check_actor(row, actor, await self._engine.snapshot(row.run_id))
        return await self._changed(row)

    async def release(self, suspension_id: str, actor: str | None = None) -> Suspension:
        """Let anybody answer again who may. With *actor* only if it is they who have claimed it.

        Raises `AlreadyClaimed` where it is somebody else.
        """
        row = await self.get(suspension_id)
        refuse(row)
        if actor is not None and row.claimed_by not in {None, actor}:
            raise AlreadyClaimed(row.id, show(row.path), row.claimed_by, row.claimed_at)
        await self._engine.set_claimant(row, None)
        return await self._changed(row)

    async def extend(self, suspension_id: str, deadline: Duration | datetime) -> Suspension:
        """Give an open question another deadline: from now, or a moment. What then follows stays as it was asked.

        Raises as `answer` does where it is not open.
        """
        row = await self.get(suspension_id)
        refuse(row)
        until = (
            deadline if isinstance(deadline, datetime) else self._engine.clock.now() + duration_of(deadline)
        )
        if until.tzinfo is None:
            raise InvalidDeadline(
                show(row.path), f"{until!r} has no time zone; write datetime(..., tzinfo=UTC)"
            )
        until = until.astimezone(UTC)
        if not await self._engine.extend(row, until, due_extended(row, until)):
            refuse(await self.get(suspension_id))
        return await self._changed(row)

    async def answer(
        self,
        suspension_id: str,
        data: Any = None,
        *,
        actor: str | None = None,
        idempotency_key: str | None = None,
        runtime_context: Mapping[str, Any] | None = None,
        dry_run: bool = False,
        wait: bool = True,
        via: str = "inbox",
    ) -> WorkflowResult[Any]:
        """Answer one open suspension and let its run go on; the result when the run has ended or waits for people only.

        Exactly one answer wins. Raises `SuspensionNotFound`, `AlreadyAnswered` (by whom, when), `SuspensionExpired`,
        `SuspensionCanceled`, `SuspensionSuperseded`, `IdempotencyConflict`, `InvalidResumeData`, `RunHeld`; nothing is changed
        then.
        """
        row, workflow = await self._find(suspension_id)
        resuming = Resuming(
            request=ResumeRequest(suspension_id=suspension_id),
            data=data,
            context=runtime_context,
            actor=actor,
            via=via,
            idempotency_key=idempotency_key,
            dry_run=dry_run,
            wait=wait,
        )
        snapshot = await self._engine.answer(workflow, row.run_id, resuming)
        found: WorkflowResult[Any] = result_of(row.run_id, workflow.id, snapshot, OutputOptions())
        return found

    async def check(self, suspension_id: str, *, actor: str | None = None) -> None:
        """Raise what `answer` would, where the question is closed or *actor* may not answer it."""
        row = await self.get(suspension_id)
        refuse(row)
        check_actor(row, actor, await self._engine.snapshot(row.run_id))

    async def cancel(
        self,
        suspension_id: str,
        reason: str | None = None,
        *,
        actor: str | None = None,
        via: str = "inbox",
    ) -> None:
        """Withdraw a question: no answer is taken any more, and the step that asked fails with `QuestionWithdrawn`.

        Raises as `answer` does where it is not open.
        """
        row, workflow = await self._find(suspension_id)
        await self._engine.withdraw(workflow, row, reason, actor, via)

    async def history(self, run_id: str) -> Sequence[Closing]:
        """How the questions of a run were closed, in that order.

        Raises `RunNotFound`.
        """
        if await self._engine.store.row(run_id) is None:
            raise RunNotFound(run_id)
        rows = await self._engine.store.suspensions(SuspensionQuery(run_id=run_id, state=None, limit=None))
        closings = [_closing(row) for row in rows if row.state != "open"]
        return sorted(closings, key=lambda closing: closing.at)

    async def _changed(self, row: Suspension) -> Suspension:
        await self._engine.store.touch(row.run_id, self._engine.clock.now())
        self._engine.feed.stir()
        return await self.get(row.id)

    async def _find(self, suspension_id: str) -> tuple[Suspension, Workflow[Any, Any]]:
        row = await self._engine.store.suspension(suspension_id)
        run = await self._engine.store.row(row.run_id) if row is not None else None
        if row is None or run is None:
            raise SuspensionNotFound(suspension_id)
        return row, self._workflow(run.workflow)


def _copied(row: Suspension) -> Suspension:
    return altered(row, payload=isolate(row.payload), resume_schema=isolate(row.resume_schema))


def _closing(row: Suspension) -> Closing:
    assert row.state != "open"
    return Closing(
        suspension_id=row.id,
        path=row.path,
        key=row.key,
        question=row.payload,
        became=row.state,
        data=row.answer,
        actor=row.actor,
        via=row.via,
        reason=row.reason,
        idempotency_key=row.idempotency_key,
        opened_at=row.opened_at,
        at=row.closed_at or row.opened_at,
    )
