"""A wait with a bound that is no failure."""

from __future__ import annotations

import asyncio


async def within(seconds: float, event: asyncio.Event) -> None:
    """Return when *event* is set, or after so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
