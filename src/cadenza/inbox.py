"""Inbox: the questions that are open over all runs, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from .engine.base import Resuming
from .engine.local import LocalEngine
from .errors import RunNotFound, SuspensionNotFound
from .history.event import Suspension
from .history.result import OutputOptions, WorkflowResult, result_of
from .history.resume import ResumeRequest
from .model.path import Path
from .model.values import Json
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


class Inbox:
    """Open suspensions, by their ids, whichever run they belong to."""

    def __init__(self, engine: LocalEngine, workflow: Callable[[str], Workflow[Any, Any]]) -> None:
        self._engine = engine
        self._workflow = workflow

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

    async def cancel(
        self, suspension_id: str, reason: str | None = None, *, actor: str | None = None
    ) -> None:
        """Withdraw a question: no answer is taken any more, and the step that asked fails with `QuestionWithdrawn`.

        Raises as `answer` does where it is not open.
        """
        row, workflow = await self._find(suspension_id)
        await self._engine.withdraw(workflow, row, reason, actor, "inbox")

    async def history(self, run_id: str) -> list[Closing]:
        """How the questions of a run were closed, in that order.

        Raises `RunNotFound`.
        """
        if await self._engine.store.row(run_id) is None:
            raise RunNotFound(run_id)
        rows = await self._engine.store.suspensions(SuspensionQuery(run_id=run_id, state=None, limit=None))
        closings = [_closing(row) for row in rows if row.state != "open"]
        return sorted(closings, key=lambda closing: closing.at)

    async def _find(self, suspension_id: str) -> tuple[Suspension, Workflow[Any, Any]]:
        row = await self._engine.store.suspension(suspension_id)
        run = await self._engine.store.row(row.run_id) if row is not None else None
        if row is None or run is None:
            raise SuspensionNotFound(suspension_id)
        return row, self._workflow(run.workflow)


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
