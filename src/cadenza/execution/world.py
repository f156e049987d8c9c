"""What a running step may reach beyond its own values; engines provide it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Protocol

from ..model.path import Path
from ..model.values import Json
from .tracing_context import TracingContext


class World(Protocol):
    """One run, as its steps reach it."""

    run_id: str
    workflow_id: str
    resource_id: str | None
    secrets: dict[str, Any]
    secret_keys: frozenset[str]
    signal: AbortSignal
    loop: asyncio.AbstractEventLoop
    tells_of_questions: bool
    value_limit: int

    def tracing(self, path: Path) -> TracingContext:
        """The span that the step at *path* runs in."""
        ...

    async def remember(self, path: Path, key: str, value: Json) -> None:
        """Keep what `once` got; durable on return."""
        ...

    def abort(self) -> None:
        """Cancel the run."""
        ...

    def emit(self, path: Path, chunk: Json) -> None:
        """Show a chunk of a step's own to those who watch; it is not kept."""
        ...


class AbortSignal:
    """Set when the run is to stop. Readable from every thread; `wait` is for the event loop."""

    __slots__ = ("_event", "_set", "_thread_event")

    def __init__(self) -> None:
        self._set = False
        # Made when somebody waits: most steps never do, and the two cost more than a small step.
        self._event: asyncio.Event | None = None
        self._thread_event: threading.Event | None = None

    @property
    def aborted(self) -> bool:
        """Whether the run is to stop."""
        return self._set

    def is_set(self) -> bool:
        """Whether the run is to stop."""
        return self._set

    async def wait(self) -> None:
        """Return when the run is to stop."""
        if not self._set:
            self._event = self._event or asyncio.Event()
            await self._event.wait()

    def wait_in_thread(self, timeout: float | None = None) -> bool:
        """Block until the run is to stop or *timeout* seconds have passed; whether it is to stop."""
        event = self._thread_event = self._thread_event or threading.Event()
        return self._set or event.wait(timeout)

    def set(self) -> None:
        """Ask the run to stop. Only on the event loop."""
        self._set = True
        if self._event is not None:
            self._event.set()
        if self._thread_event is not None:
            self._thread_event.set()
