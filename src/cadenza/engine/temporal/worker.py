"""Workers: processes that walk runs and call steps, any number of them on one task queue."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio.worker import Worker

from ..base import Chore, Registry
from ..worker import Looker
from .activities import Activities, homes
from .workflow import RunWorkflow

if TYPE_CHECKING:
    from .engine import TemporalEngine

_log = logging.getLogger("cadenza")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How much one worker does at once. `cached` runs are kept in memory between their tasks."""

    steps: int = 200
    runs: int = 100
    cached: int = 1000
    grace: timedelta = timedelta(seconds=10)


class Serving:
    """A worker of an engine's task queue in this process, from `start` to `stop`."""

    def __init__(self, engine: TemporalEngine, workflows: Registry, chore: Chore) -> None:
        self._engine = engine
        self._workflows = workflows
        self._task: asyncio.Task[None] | None = None
        self._worker: Worker | None = None
        # Reminders and the like are in the store, and what is held is tried again by who has other code.
        self._looker = Looker(engine, workflows, chore)

    def start(self) -> None:
        """Take tasks from now on."""
        if self._task is not None:
            return
        engine = self._engine
        assert engine.client is not None
        home = homes[engine.task_queue] = engine.home(self._workflows)
        activities = Activities(home, engine.heartbeat)
        options = engine.options
        self._worker = Worker(
            engine.client,
            task_queue=engine.task_queue,
            workflows=[RunWorkflow],
            activities=[activities.step, activities.mirror, activities.offer, activities.ask],
            max_cached_workflows=options.cached,
            max_concurrent_activities=options.steps,
            max_concurrent_local_activities=options.steps,
            max_concurrent_workflow_tasks=max(2, options.runs),
            graceful_shutdown_timeout=options.grace,
            # How long a dead worker's runs wait for it, and how soon a step hears that its run is to stop.
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
            max_heartbeat_throttle_interval=timedelta(seconds=2),
            default_heartbeat_throttle_interval=timedelta(seconds=2),
        )
        self._looker.start()
        self._task = asyncio.get_running_loop().create_task(
            self._worker.run(), name="cadenza temporal worker"
        )
        self._task.add_done_callback(self._say_if_failed)

    def _say_if_failed(self, task: asyncio.Task[None]) -> None:
        """Nobody awaits the worker: that it has failed must be heard all the same."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error(
                "the worker of task queue %r has ended, its runs wait for another: %s",
                self._engine.task_queue,
                error,
                exc_info=error,
            )

    async def stop(self) -> None:
        """Take no more tasks; steps that run may end within the grace of the options."""
        task, self._task = self._task, None
        worker, self._worker = self._worker, None
        await self._looker.stop()
        if worker is not None:
            await worker.shutdown()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    def die(self) -> None:
        """Play the death of this process: what runs is not heard of again. `stop` then waits until nothing moves here."""
        self._worker = None
        self._looker.die()
        if self._task is not None:
            self._task.cancel()
