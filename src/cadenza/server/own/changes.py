"""Changes of all runs as server-sent events: what keeps a page up to date.

An event says which run is another now; whoever wants to know more asks for it. Nothing is kept for those who lose their connection:
they ask anew for what they show.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from ...model.values import encode
from ...store.base import RunRow
from ..route import Call, Route
from .stream import PING


async def stream_changes(call: Call[None, None]) -> Response:
    return EventSourceResponse(_sent(call), ping=PING, headers={"cache-control": "no-store"})


async def _sent(call: Call[None, None]) -> AsyncIterator[ServerSentEvent]:
    mine = call.principal.resource_id
    async with aclosing(call.cadenza.changes.follow()) as changes:
        async for rows in changes:
            if not rows:
                # From here on nothing is missed: what is asked for now is as new as what comes.
                yield ServerSentEvent(data="{}", event="ready")
            for row in rows:
                if mine is None or row.resource == mine:
                    yield ServerSentEvent(data=_change(row))


def _change(row: RunRow) -> str:
    told = {"run_id": row.id, "workflow": row.workflow, "status": row.status, "seq": row.seq}
    return encode(told).decode()


ROUTES: list[Route[Any, Any]] = [
    Route(
        method="GET",
        path="/changes",
        handler=stream_changes,
        scope="read",
        summary="Which runs have changed, as it happens; after the event `ready` nothing is missed",
        media="text/event-stream",
        tags=("runs",),
    ),
]
