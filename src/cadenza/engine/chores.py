"""Chores: seeing to something by the clock, where no worker of the local engine does."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

from ..clock import Clock
from .base import Chore

_log = logging.getLogger("cadenza")

# How often, in seconds, it is looked for what other processes have changed.
_LOOK = 1.0


class _Timed(Protocol):
    @property
    def clock(self) -> Clock: ...


class Chores:
    """Sees to one chore from `start` to `stop`: when it is due, when nudged, and now and then."""

    def __init__(self, chore: Chore, engine: _Timed) -> None:
        self._chore = chore
        self._engine = engine
        self._nudge = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look from now on."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._serve(), name="cadenza chores")

    def nudge(self) -> None:
        """Look at once."""
        self._nudge.set()

    async def stop(self) -> None:
        """Look no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _serve(self) -> None:
        while True:
            self._nudge.clear()
            due = None
            try:
                if await self._chore.look():
                    continue
                due = await self._chore.next_due()
            except Exception:  # the store is away for a while: this outlives that
                _log.exception("schedules could not be looked for; it is tried again")
            waits: list[asyncio.Task[Any]] = [asyncio.ensure_future(self._nudge.wait())]
            if due is not None:
                waits.append(asyncio.ensure_future(self._engine.clock.sleep_until(due)))
            try:
                await asyncio.wait(waits, timeout=_LOOK, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
