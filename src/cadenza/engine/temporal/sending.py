"""Sending: how a run's workflow lets the store hear of what happens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from ...model.values import Json
from .messages import BATCH, MIRROR, size_of
from .outbox import Outbox

# A question is shown by whoever waits for the run; where they die it is shown after a second.
_LINGER = timedelta(seconds=1)
# For failures of workers and stores, never for those of user code: that is counted by the interpreter.
AGAIN = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))


class WorkflowClock:
    """The time of the workflow, the same in each replay."""

    def now(self) -> datetime:
        """The present moment."""
        return workflow.now()

    async def sleep_until(self, when: datetime) -> None:
        """Return at *when*: a timer of Temporal."""
        if (left := (when - workflow.now()).total_seconds()) > 0:
            await workflow.sleep(left)


class Sending:
    """The outbox of one run, and who empties it."""

    def __init__(self, given: Json, outbox: Outbox) -> None:
        self.given = given
        self.run_id: str = given["run"]
        self.outbox = outbox
        # How many clients wait for the run to rest.
        self.waiters = 0
        self._flusher: asyncio.Task[None] | None = None
        self._lingering = False

    @property
    def lingers(self) -> bool:
        """Whether somebody who waits for the run will write what is there before they are told of it."""
        return False

    def flush_soon(self) -> None:
        """Let the store hear of what it does not know."""
        if self._flusher is None and self.outbox:
            self._flusher = asyncio.ensure_future(self._flush_later(_LINGER if self.lingers else None))

    async def _flush_later(self, linger: timedelta | None) -> None:
        try:
            if linger is not None:
                self._lingering = True
                await workflow.sleep(linger)
                self._lingering = False
            while self.outbox:
                await self._mirror(self.outbox.take())
        except asyncio.CancelledError:
            return  # whoever hurried it has forgotten it already
        self._flusher = None

    def _hurry(self) -> None:
        """Linger no longer: what is there is taken along by somebody."""
        if self._flusher is not None and self._lingering:
            self._flusher.cancel()
            self._flusher = None
            self._lingering = False

    async def _mirror(self, parts: Sequence[Json]) -> None:
        await workflow.execute_activity(
            MIRROR,
            self.message(parts),
            start_to_close_timeout=timedelta(minutes=5),
            retry_policy=AGAIN,
        )

    async def flush_all(self) -> None:
        """Let the store know all."""
        self._hurry()
        await workflow.wait_condition(lambda: self._flusher is None)
        while self.outbox:
            await self._mirror(self.outbox.take())

    def message(self, parts: Sequence[Json], **more: Json) -> Json:
        """What an activity is given."""
        return {
            "run": self.run_id,
            "workflow": self.given["workflow"],
            "resource": self.given["resource"],
            "parts": parts,
            "need": parts[0]["first"] - 1 if parts and "first" in parts[0] else 0,
            **more,
        }

    async def sendable(self) -> Sequence[Json]:
        """The parts that a call takes along; what is too much for it goes before."""
        self._hurry()
        parts = self.outbox.take()
        while self.outbox or size_of(parts) > BATCH * 3:
            await self._mirror(parts)
            parts = self.outbox.take()
        return parts
