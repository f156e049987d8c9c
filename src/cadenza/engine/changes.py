"""Changes: that something has happened to a run, over all runs and processes, for pages that are kept up to date.

One look-out serves all who follow in this process. It is woken by what happens here and by what others write, and then looks
which runs that were; while nothing happens it does nothing. What comes close together is told once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import TypeAlias

from ..clock import Clock
from ..errors import StoreClosed
from ..history.record import RunStatus
from ..store.base import RunRow, Store
from .feed import Feed

_log = logging.getLogger("cadenza")

# The shortest time from one look to the next, in seconds; it is longer where a look takes long, which then cost a tenth of it.
_PAUSE = 0.2
_SHARE = 10
# How long, in seconds, others may write without that being noticed: not every write of another process is told.
_PATIENCE = 5.0
# How far the clocks of processes may differ, and how long a write may take.
_SLACK = timedelta(seconds=15)
# What tells whether a row is another now: its number, status, signals, and when it was last written to.
_Seen: TypeAlias = tuple[int, RunStatus, int, datetime]


class Follower:
    """What one who follows has not heard yet: the last row of each run that has changed since."""

    def __init__(self) -> None:
        self._rows: dict[str, RunRow] = {}
        self._news = asyncio.Event()
        self._over = False

    def put(self, rows: list[RunRow]) -> None:
        """These have changed. Who is slow hears of each once, as it is then."""
        self._rows.update((row.id, row) for row in rows)
        self._news.set()

    def end(self) -> None:
        """Nothing will be told any more."""
        self._over = True
        self._news.set()

    async def take(self) -> list[RunRow]:
        """What has changed since the last time, when something has; none at the end."""
        await self._news.wait()
        self._news.clear()
        rows, self._rows = list(self._rows.values()), {}
        return [] if self._over else rows


class Changes:
    """Which runs have changed, for any number of followers."""

    def __init__(self, store: Store, feed: Feed, clock: Clock) -> None:
        self._store = store
        self._feed = feed
        self._clock = clock
        self._followers: set[Follower] = set()
        self._task: asyncio.Task[None] | None = None
        self._stirred = asyncio.Event()
        self._known: dict[str, _Seen] = {}
        self._since: datetime | None = None

    async def follow(self) -> AsyncGenerator[list[RunRow]]:
        """The rows of runs that have changed, as they then are, until the app is closed.

        The first list is empty: from then on nothing is missed.
        """
        follower = Follower()
        if not self._followers:
            self._known, self._since = {}, None
            # Somebody else may have come meanwhile.
            self._put(await self._look())
        self._followers.add(follower)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._serve(), name="cadenza changes")
        try:
            yield []
            while rows := await follower.take():
                yield rows
        finally:
            self._followers.discard(follower)
            if not self._followers and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _serve(self) -> None:
        self._feed.curious.add(self._stirred)
        listening = asyncio.get_running_loop().create_task(self._listen(), name="cadenza changes elsewhere")
        try:
            while not listening.done():
                await self._stirred.wait()
                self._stirred.clear()
                begun = time.monotonic()
                await self._tell()
                await asyncio.sleep(max(_PAUSE, _SHARE * (time.monotonic() - begun)))  # noqa: TID251  real time
            for follower in self._followers:
                follower.end()
        finally:
            self._feed.curious.discard(self._stirred)
            listening.cancel()

    async def _listen(self) -> None:
        """Until the store is closed: let it be looked when others have written, and now and then."""
        while True:
            try:
                await self._store.changed(_PATIENCE, soon=False)
            except StoreClosed:
                return
            except Exception:  # the store is away for a while
                _log.exception("cannot hear what other processes write; it is tried again")
                await asyncio.sleep(_PATIENCE)  # noqa: TID251  real time
            finally:
                self._stirred.set()

    async def _tell(self) -> None:
        try:
            self._put(await self._look())
        except StoreClosed:
            return  # then there is nothing to hear either, and that ends it
        except Exception:  # the store is away for a while: the next look finds what was missed
            _log.exception("cannot look for runs that have changed; it is tried again")

    def _put(self, changed: list[RunRow]) -> None:
        for follower in self._followers if changed else ():
            follower.put(changed)

    async def _look(self) -> list[RunRow]:
        """The rows that are not as they were at the last look."""
        since = self._since or self._clock.now() - _SLACK
        rows = await self._store.recent(since)
        found: dict[str, _Seen] = {row.id: (row.seq, row.status, row.signals, row.updated_at) for row in rows}
        changed = [row for row in rows if self._known.get(row.id) != found[row.id]]
        self._known = found
        self._since = max([since, *(row.updated_at - _SLACK for row in rows)])
        return changed
