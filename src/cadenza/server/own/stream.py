"""The events of a run as server-sent events. An event's id is the number of its journal entry.

So a browser that lost its connection says what it has seen last, and gets what came after it. Where one entry makes several events
the last one has the id: who loses the connection in between gets them all again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from ...app import Cadenza
from ...engine.feed import observe
from ...errors import Issue
from ...history.event import Entry
from ...history.narrate import Narrator
from ...history.record import ENDED
from ...history.snapshot import Snapshot
from ...model.path import Path
from ...model.values import Json, encode
from ...store.base import RunRow
from ..refusal import Refusal

# What keeps a quiet connection open through proxies, in seconds.
PING = 15


def event_stream(app: Cadenza, row: RunRow, last_event_id: str | None, after: int) -> Response:
    """The events of a run after what was seen last, until the run ends. Where nothing comes any more: 204, do not ask again.

    Raises `Refusal`, 400, where *last_event_id* is no number of an entry.
    """
    if last_event_id:
        if not last_event_id.isascii() or not last_event_id.isdecimal() or len(last_event_id) > 15:
            raise Refusal(
                400,
                "invalid_query",
                "Invalid Last-Event-ID",
                [Issue(path="Last-Event-ID", message="it is the number of an entry, from 0")],
            )
        after = int(last_event_id)
    if row.status in ENDED and after >= row.seq:
        return Response(status_code=204)
    events = observe(
        app.store, app.engine.feed, row.id, 0, lambda _: False, lambda *run: _Numbered(*run, after=after)
    )
    return EventSourceResponse(_sent(events), ping=PING, headers={"cache-control": "no-store"})


async def _sent(events: AsyncIterator[Json]) -> AsyncIterator[ServerSentEvent]:
    async for number, event in events:
        yield ServerSentEvent(data=encode(event).decode(), event=event["type"], id=number)


class _Numbered:
    """A narrator whose events come with the number of their entry, where they are its last.

    It hears all entries and tells those after number *after*: which containers have begun in this leg no snapshot knows.
    """

    def __init__(self, run_id: str, snapshot: Snapshot, *, after: int) -> None:
        self._narrator = Narrator(run_id, snapshot)
        self._after = after

    @property
    def seq(self) -> int:
        """The number of the last entry that was told."""
        return self._narrator.seq

    def begin(self, workflow_id: str) -> Json:
        """The first event. It comes anew with each connection."""
        return None, self._narrator.begin(workflow_id)

    def tell(self, entry: Entry) -> list[Json]:
        """The events of *entry*."""
        events = self._narrator.tell(entry)
        if entry.seq <= self._after:
            return []
        return [
            (str(entry.seq) if number == len(events) else None, event)
            for number, event in enumerate(events, 1)
        ]

    def chunk(self, path: Path, chunk: Json) -> Json:
        """What a step wrote. It is not kept: who was not connected has missed it."""
        return None, self._narrator.chunk(path, chunk)

    def finish(self, status: str) -> Json:
        """The last event. Its id is that of the run's last entry: then there is nothing more to ask for."""
        return str(self.seq), self._narrator.finish(status)
