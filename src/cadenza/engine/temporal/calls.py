"""Calls of this engine to a run's workflow, and what becomes of them where the run has moved on or is gone."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any, Literal, TypeAlias
from uuid import uuid4  # noqa: TID251  an update needs an id that nobody else gives

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from ...model.values import Json, encode
from .failures import UNCHECKED, error_of
from .messages import WORKFLOW

# How long, in seconds, it is looked for the next execution of a run that goes on in another.
_PATIENCE = 5.0
_LOOK = 0.02
# What the server says while an execution ends, or where too many calls wait for it.
_PASSING = {
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.ABORTED,
    RPCStatusCode.FAILED_PRECONDITION,
}


class Gone(Exception):
    """The run has no workflow that takes calls: it was never started, has ended, or was terminated."""


# After which earlier workflow of a run another may begin: after none; after one that was terminated; after one that came to its end.
After: TypeAlias = Literal["never", "lost", "ended"]
_REUSE = {
    "never": WorkflowIDReusePolicy.REJECT_DUPLICATE,
    "lost": WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
    "ended": WorkflowIDReusePolicy.ALLOW_DUPLICATE,
}


class MustSendAgain(Exception):
    """The data has to be sent again as it was read: by suspension id."""

    def __init__(self, replies: dict[str, Json]) -> None:
        self.replies = replies


class Calls:
    """Calls of one client on one task queue."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._queue = task_queue

    def handle(self, run_id: str) -> WorkflowHandle[Any, Any]:
        """The workflow of a run, whichever execution it is in."""
        return self._client.get_workflow_handle(run_id)

    async def start(self, given: Json) -> None:
        """Start the workflow of a run.

        Raises `WorkflowAlreadyStartedError`.
        """
        await self._client.start_workflow(
            WORKFLOW, given, id=given["run"], task_queue=self._queue, **_policies("never")
        )

    async def start_and_wait(self, given: Json, *, begun_is_enough: bool, after: After = "never") -> Json:
        """Start the workflow of a run, and its report in the same call; *after* says which earlier one may stand before it.

        Raises `WorkflowAlreadyStartedError`.
        """
        operation: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            WORKFLOW, given, id=given["run"], task_queue=self._queue, **_policies(after)
        )
        try:
            return await self._client.execute_update_with_start_workflow(
                "rest", begun_is_enough, start_workflow_operation=operation, id=_new_id()
            )
        except (WorkflowAlreadyStartedError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            # It has the error in a future of its own too, which complains where nobody looks at it.
            await asyncio.gather(operation.workflow_handle(), return_exceptions=True)
            _let_cancel_through(error)
            raise
        except (RPCError, WorkflowUpdateFailedError) as error:
            if isinstance(error, RPCError) and error.status == RPCStatusCode.ALREADY_EXISTS:
                raise WorkflowAlreadyStartedError(given["run"], WORKFLOW) from error
            # It was started, and has moved on before it could say anything.
            await operation.workflow_handle()
            return {"moved": True}

    async def update(self, run_id: str, name: str, data: Json, *, id: str | None = None) -> Json:
        """Call an update.

        Raises what its validator raises, `MustSendAgain`, and `Gone`.
        """
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                return await self.handle(run_id).execute_update(name, data, id=id or _new_id())
            except WorkflowUpdateFailedError as failed:
                _raise_refusal(failed)
                if time.monotonic() > until:
                    raise
            except WorkflowUpdateRPCTimeoutOrCancelledError as error:
                _let_cancel_through(error)
                raise
            except RPCError as error:
                if error.status == RPCStatusCode.NOT_FOUND:
                    raise Gone from error
                if error.status not in _PASSING or time.monotonic() > until:
                    raise
            await asyncio.sleep(_LOOK)  # noqa: TID251  real time: the server is at work

    async def signal(self, run_id: str, name: str, data: Json) -> None:
        """Send a signal; a run that is gone hears nothing."""
        try:
            await self.handle(run_id).signal(name, data)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise

    async def terminate(self, run_id: str, reason: str) -> None:
        """End the workflow of a run at once, where there is one."""
        try:
            await self.handle(run_id).terminate(reason=reason)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise


def _raise_refusal(failed: WorkflowUpdateFailedError) -> None:
    """Raise what the run says to an update; nothing where its execution ended just then, and another may take it."""
    cause = failed.cause
    if isinstance(cause, ApplicationError) and cause.type == UNCHECKED:
        raise MustSendAgain(cause.details[0]) from None
    if (error := error_of(cause)) is not None:
        raise error from None
    if not isinstance(cause, ApplicationError) or cause.type != "AcceptedUpdateCompletedWorkflow":
        raise failed


def _let_cancel_through(error: Exception) -> None:
    """Raise `CancelledError` where that is what the SDK has put into an error of its own."""
    if isinstance(error.__cause__, asyncio.CancelledError):
        raise error.__cause__


def _policies(after: After) -> dict[str, Any]:
    return {"id_reuse_policy": _REUSE[after], "id_conflict_policy": WorkflowIDConflictPolicy.FAIL}


def update_id(key: str | None, target: Json, data: Json) -> str:
    """The id of an answer: the same for the same key, target and data, so that Temporal itself knows a repeated one."""
    return _new_id() if key is None else hashlib.sha256(encode([key, target, data])).hexdigest()


def _new_id() -> str:
    return uuid4().hex
