"""Alarm: wakes runs at rest when their timers are due, in a process without a worker. One task for any number of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Any

from ..clock import Clock
from ..errors import CadenzaError, StoreUnavailable
from ..model.workflow import Workflow

_log = logging.getLogger("cadenza")

# When it is tried again to wake a run, where its store did not let it.
_AGAIN = timedelta(seconds=5)


class Alarm:
    """Calls *wake* with a run's id and workflow when the time that was set for it has come."""

    def __init__(self, clock: Clock, wake: Callable[[str, Workflow[Any, Any]], Awaitable[None]]) -> None:
        self._clock = clock
        self._wake = wake
        self._set: dict[str, tuple[datetime, Workflow[Any, Any]]] = {}
        self._heap: list[tuple[datetime, str]] = []
        self._task: asyncio.Task[None] | None = None
        self._sleeping_until: datetime | None = None

    def set(self, run_id: str, when: datetime, workflow: Workflow[Any, Any]) -> None:
        """Wake the run at *when*; an earlier wish for it is forgotten."""
        if self._set.get(run_id, (None,))[0] == when:
            return
        self._set[run_id] = (when, workflow)
        heappush(self._heap, (when, run_id))
        if self._sleeping_until is None or when < self._sleeping_until:
            self._restart()

    def forget(self, run_id: str) -> None:
        """Do not wake the run."""
        self._set.pop(run_id, None)

    def stop(self) -> None:
        """Wake nobody any more."""
        self._set.clear()
        if self._task is not None:
            self._task.cancel()

    def _restart(self) -> None:
        # The task that is waking somebody must not be cut off: it looks at the heap again itself.
        if self._task is not None and self._sleeping_until is not None:
            self._task.cancel()
            self._task = None
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        while self._heap:
            when, run_id = self._heap[0]
            if self._set.get(run_id, (None,))[0] != when:
                heappop(self._heap)  # forgotten, or set anew
                continue
            if when > self._clock.now():
                self._sleeping_until = when
                try:
                    await self._clock.sleep_until(when)
                finally:
                    self._sleeping_until = None
                continue
            heappop(self._heap)
            _, workflow = self._set.pop(run_id)
            try:
                await self._wake(run_id, workflow)
            except Exception as error:  # whatever it is: the other runs are to be woken
                refused = isinstance(error, CadenzaError) and not isinstance(error, StoreUnavailable)
                _log.warning("run %s could not be woken: %s", run_id, error, exc_info=not refused)
                if not refused and run_id not in self._set:
                    self.set(run_id, self._clock.now() + _AGAIN, workflow)
