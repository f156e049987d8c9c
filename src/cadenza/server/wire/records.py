"""Streams as Mastra sends them: each event one line of compact JSON and the byte 0x1E, one chunk an event.

Not SSE. JSON escapes 0x1E inside a text, and a chunk never ends inside a character.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress

import anyio
from sse_starlette import EventSourceResponse

from ...model.values import Json, encode

_END = b"\x1e"
_OVER = object()
# How long a stream may take, in seconds, to end well when the server stops.
_GRACE = 1.0


def record_stream(events: AsyncGenerator[Json]) -> EventSourceResponse:
    """*events* as the body of an answer, sent as they come. It ends with them, with its reader, or with the server."""
    stopping = anyio.Event()
    return EventSourceResponse(
        _records(events, stopping),
        # Without a charset, as there; and its client reads no pings.
        headers={"content-type": "text/plain"},
        ping=0,
        shutdown_event=stopping,
        shutdown_grace_period=_GRACE,
    )


async def _records(events: AsyncGenerator[Json], stopping: anyio.Event) -> AsyncIterator[bytes]:
    stopped = asyncio.ensure_future(stopping.wait())
    coming: asyncio.Task[Json] | None = None
    try:
        while not stopping.is_set():
            coming = asyncio.ensure_future(_next(events))
            await asyncio.wait([coming, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                return
            event = coming.result()
            if event is _OVER:
                return
            yield encode(event) + _END
    finally:
        stopped.cancel()
        if coming is not None and not coming.done():
            coming.cancel()
            with suppress(asyncio.CancelledError):
                await coming
        await events.aclose()


async def _next(events: AsyncGenerator[Json]) -> Json:
    return await anext(events, _OVER)
