"""The events that a memory store keeps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..errors import StoreClosed
from .base import KeptEvent


class MemoryEvents:
    """Events that came before anybody waited."""

    def __init__(self) -> None:
        self._events: dict[str, KeptEvent] = {}
        self._closed = False

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosed

    async def keep_event(self, event: KeptEvent) -> None:
        """Keep *event*."""
        self._check_open()
        self._events.setdefault(event.id, event)

    async def kept_events(self, name: str, now: datetime) -> Sequence[KeptEvent]:
        """The events of that name that are kept beyond *now*, oldest first."""
        self._check_open()
        found = [event for event in self._events.values() if event.name == name and event.until > now]
        return sorted(found, key=lambda event: (event.at, event.id))

    async def drop_event(self, event_id: str) -> bool:
        """Remove a kept event; False where it is gone."""
        self._check_open()
        return self._events.pop(event_id, None) is not None
