"""A store between whose calls others get their turns: what real processes and disks do, in an order that a seed repeats."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from cadenza.store.base import Store

# So many turns of the loop a call of the store, or a step, may take.
_TURNS = (0, 0, 0, 1, 2, 3, 5, 9, 20)
CALLS = (
    *("create", "load", "row", "append", "claim", "release", "answer", "request_cancel", "renew"),
    *("suspension", "suspensions", "keep_event", "kept_events", "drop_event", "graph"),
    *("claim_due", "due", "put_off"),
)


class Jittered:
    """A store, between whose calls others get their turns as *random* says. One kind of call may be slow.

    Closing it closes nothing: a database outlives those who use it.
    """

    def __init__(self, store: Store, random: Random, slow: str | None) -> None:
        self._store = store
        self._random = random
        self._slow = slow

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)
        if name not in CALLS:
            return call

        async def jittered(*given: Any, **named: Any) -> Any:
            turns = 8 if name == self._slow else 1
            await pause(self._random, turns)
            found = await call(*given, **named)
            await pause(self._random, turns)
            return found

        return jittered

    async def close(self) -> None:
        """Stay."""


async def pause(random: Random, factor: int = 1) -> None:
    """Let others have some turns."""
    for _ in range(random.choice(_TURNS) * factor):
        await asyncio.sleep(0)  # noqa: TID251  a turn of the loop, no time
