"""Noticing what other processes write into a SQLite file.

`data_version` is a number that changes when another connection commits; as long as somebody waits it is looked at every few
milliseconds, which costs a few microseconds. This process's own writes wake those who wait at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

from .bounded import within

Row: TypeAlias = tuple[Any, ...]

# How often it is looked, in seconds; and while nobody needs to know soon.
_LOOK = 0.01
_GLANCE = 0.1


class LookOut:
    """Wakes who waits for a run's row, or for anything at all, to change. `version` and `row` read the file."""

    def __init__(self, *, version: Callable[[], int], row: Callable[[str], Row | None]) -> None:
        self._read_version = version
        self._read_row = row
        # Who waits, by run, with the row that each has seen; and who waits for anything.
        self._waiting: dict[str, dict[asyncio.Event, Row | None]] = {}
        self._curious: set[asyncio.Event] = set()
        self._patient: set[asyncio.Event] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._version = 0

    async def wait(self, run_id: str, changed_already: Callable[[Row | None], bool], seconds: float) -> None:
        """Return when the row of the run has changed, at once where *changed_already* says so of it, or after *seconds*."""
        changed = asyncio.Event()
        # Look out first, then read the row: what another process commits in between is noticed by the look-out.
        self._begin()
        waiting = self._waiting.setdefault(run_id, {})
        try:
            waiting[changed] = found = self._read_row(run_id)
            if not changed_already(found):
                await within(seconds, changed)
        finally:
            waiting.pop(changed, None)
            if not waiting:
                self._waiting.pop(run_id, None)
            self._end()

    async def changed(self, seconds: float, *, soon: bool = True) -> None:
        """Return when another connection has committed, or after *seconds*."""
        changed = asyncio.Event()
        self._begin(soon=soon)
        curious = self._curious if soon else self._patient
        curious.add(changed)
        try:
            await within(seconds, changed)
        finally:
            curious.discard(changed)
            self._end()

    def wake(self, run_id: str) -> None:
        """This process has written to the run."""
        for changed in self._waiting.get(run_id, ()):
            changed.set()

    def close(self) -> None:
        """Wake everybody and look no more."""
        for run_id in self._waiting:
            self.wake(run_id)
        for changed in (*self._curious, *self._patient):
            changed.set()
        self._stop()

    def _begin(self, *, soon: bool = True) -> None:
        if self._timer is None:
            self._version = self._read_version()
        elif not soon or self._waiting or self._curious:
            return  # it is looked as often as is needed
        else:
            self._timer.cancel()
        self._set_timer(_LOOK if soon else _GLANCE)

    def _set_timer(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        self._set_timer(_LOOK if self._waiting or self._curious else _GLANCE)
        version = self._read_version()
        if version == self._version:
            return
        self._version = version
        for changed in (*self._curious, *self._patient):
            changed.set()
        for run_id, waiting in self._waiting.items():
            now = self._read_row(run_id)
            for changed, seen in waiting.items():
                if now != seen:
                    changed.set()

    def _end(self) -> None:
        if not self._waiting and not self._curious and not self._patient:
            self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
