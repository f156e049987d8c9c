"""Noticing what other processes write into a Postgres database: one connection that listens.

Whoever puts something in for a run, or lets it rest, notifies; the payload is "sender:run". What this process writes wakes
those who wait here at once. Where nothing can be heard (the connection broke, or a pooler stands in between) it is looked
instead, until it can be heard again.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable

from ..errors import StoreError
from . import postgres_sql as sql
from .bounded import within
from .postgres_connections import Connections, DatabaseError

# How often those who wait look, in seconds, while nothing can be heard: at their run, and at everything.
_LOOK = 0.1
_GLANCE = 1.0
# How long a note to ourselves may take before this is a connection on which none arrives, and the pause after that.
_ECHO = 2.0
_DEAF = 60.0
# The pause before a connection that broke is made again, in seconds; each is twice the one before.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
# The longest payload that Postgres takes is 7999 bytes; an id that is longer is not told, and everybody looks.
_LONGEST = 7900


class Listener:
    """Wakes who waits for a run's row, or for anything at all, to change."""

    def __init__(self, connections: Connections, channel: str) -> None:
        self._connections = connections
        self._channel = channel
        self._name = secrets.token_hex(6)
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._curious: set[asyncio.Event] = set()
        self._task: asyncio.Task[None] | None = None
        self._hears = False
        self._missed = False
        self._closed = False

    def note(self, run_id: str) -> dict[str, str]:
        """What a statement needs to tell others of a run: `channel` and `told`."""
        told = run_id if len(run_id) < _LONGEST // 4 or len(run_id.encode()) < _LONGEST else ""
        return {"channel": self._channel, "told": f"{self._name}:{told}"}

    async def wait(self, run_id: str, differs: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Return when *differs* says that the run's row is another, or after *seconds*."""
        changed = asyncio.Event()
        end = asyncio.get_running_loop().time() + seconds
        # Be there first, then read the row: what is written in between is noticed.
        self._begin()
        self._waiting.setdefault(run_id, set()).add(changed)
        try:
            while not self._closed:
                changed.clear()
                if await differs():
                    return
                left = end - asyncio.get_running_loop().time()
                if left <= 0:
                    return
                await within(left if self._hears else min(left, _LOOK), changed)
        finally:
            waiting = self._waiting[run_id]
            waiting.discard(changed)
            if not waiting:
                del self._waiting[run_id]

    async def changed(self, seconds: float) -> None:
        """Return when another process has written since the last call, or after *seconds*."""
        self._begin()
        if self._missed or self._closed:
            self._missed = False
            return
        changed = asyncio.Event()
        self._curious.add(changed)
        try:
            await within(seconds if self._hears else min(seconds, _GLANCE), changed)
        finally:
            self._curious.discard(changed)

    def wake(self, run_id: str) -> None:
        """This process has written to the run."""
        for changed in self._waiting.get(run_id, ()):
            changed.set()

    async def close(self) -> None:
        """Wake everybody and listen no more."""
        self._closed = True
        self._wake_all()
        # More than once: on Python 3.11 a cancellation can be lost (in `asyncio.wait_for`, which the driver uses).
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_LOOK)

    # ------------------------------------------------------------------ listening

    def _begin(self) -> None:
        if self._task is None and not self._closed:
            self._task = asyncio.get_running_loop().create_task(self._stay(), name="cadenza listener")

    async def _stay(self) -> None:
        """Listen; when the connection breaks, listen again."""
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._listen()
                pause = _DEAF
            except (DatabaseError, StoreError):
                pause = _FIRST_PAUSE if self._hears else min(pause * 2, _LONGEST_PAUSE)
            if self._hears:
                self._hears = False
                self._wake_all()
            await asyncio.sleep(pause)  # noqa: TID251  real time, as other processes live in it

    async def _listen(self) -> None:
        """Take notes until the connection breaks; return where none arrive at all."""
        async with self._connections.apart() as connection:
            await connection.execute(f'listen "{self._channel}"'.encode())
            echo = f"{self._name}?"
            await self._connections.write(sql.NOTIFY, {"channel": self._channel, "told": echo})
            end = time.monotonic() + _ECHO
            while not self._hears and (left := end - time.monotonic()) > 0:
                async for note in connection.notifies(timeout=left, stop_after=1):
                    self._hears = self._hears or note.payload == echo
                    self._take(note.payload)
            if not self._hears:
                return
            # Whatever was written before this moment was not heard.
            self._wake_all()
            async for note in connection.notifies():
                self._take(note.payload)

    def _take(self, payload: str) -> None:
        sender, _, run_id = payload.partition(":")
        if sender.startswith(self._name):
            return
        if run_id:
            self.wake(run_id)
            self._wake_curious()
        else:
            self._wake_all()

    def _wake_all(self) -> None:
        for waiting in self._waiting.values():
            _set(waiting)
        self._wake_curious()

    def _wake_curious(self) -> None:
        self._missed = not self._curious
        _set(self._curious)


def _set(events: set[asyncio.Event]) -> None:
    for event in events:
        event.set()
