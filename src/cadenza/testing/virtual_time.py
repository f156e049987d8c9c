"""Virtual time: tests of months of waiting that take no time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from heapq import heappop, heappush
from itertools import count
from weakref import WeakSet

from ..clock import Watched, default_clock
from ..model.duration import Duration, duration_of

_START = datetime(2026, 1, 1, tzinfo=UTC)
# Everything waits when nothing has been busy for so many looks, with so many turns of the event loop and a short real pause
# before each: what a thread has to do (a `def` step, a slow disk) shows in between.
_QUIET_LOOKS = 3
_TURNS = 10
_PAUSE = 0.0005


class VirtualClock:
    """A clock whose time passes when the test says so, or when all that a test waits for is time."""

    def __init__(self, start: datetime = _START) -> None:
        self._now = start
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._number = count()
        self._users: WeakSet[Watched] = WeakSet()
        self._advancing = asyncio.Lock()

    def now(self) -> datetime:
        """The present moment of this clock, in UTC."""
        return self._now

    async def sleep_until(self, when: datetime) -> None:
        """Return when the time of this clock has come to *when*."""
        if when > self._now:
            sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heappush(self._sleepers, (when, next(self._number), sleeper))
            await sleeper

    def watch(self, user: Watched) -> None:
        """Take *user* into account where it is judged whether everything waits. Apps call this."""
        self._users.add(user)

    async def advance(self, by: Duration) -> None:
        """Let time pass: `"3d"`, a timedelta, or seconds.

        It goes from one moment that somebody waits for to the next, and each time waits until what that set going has come to
        rest. So a reminder after a day and a deadline after three both come, in this order.
        """
        until = self._now + duration_of(by)
        async with self._advancing:
            await self._go_to(until)

    async def settle(self) -> None:
        """Return when everything that uses this clock waits: for people, for time, or for the test."""
        quiet = 0
        while quiet < _QUIET_LOOKS:
            for _ in range(_TURNS):
                await asyncio.sleep(0)  # noqa: TID251  a turn of the event loop, no time
            await asyncio.sleep(_PAUSE)  # noqa: TID251  real time, for threads
            quiet = 0 if any(user.busy for user in self._users) else quiet + 1

    async def _go_to(self, until: datetime) -> None:
        await self.settle()
        while (sleeper := self._first()) is not None and sleeper <= until:
            self._now = max(self._now, sleeper)
            self._wake()
            await self.settle()
        self._now = until
        await self.settle()

    def _first(self) -> datetime | None:
        while self._sleepers and self._sleepers[0][2].done():  # whoever slept was canceled
            heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def _wake(self) -> None:
        while (first := self._first()) is not None and first <= self._now:
            _, _, sleeper = heappop(self._sleepers)
            sleeper.set_result(None)

    async def jump(self) -> None:
        """For ever: whenever everything waits and somebody waits for a run that sleeps, go to when it wakes."""
        while True:
            await asyncio.sleep(_PAUSE)  # noqa: TID251  real time: the test does its own things in between
            if any(user.awaited() for user in self._users):
                async with self._advancing:
                    await self.settle()
                    awaited = [when for user in self._users for when in user.awaited()]
                    if awaited:
                        await self._go_to(max(min(awaited), self._now))


@asynccontextmanager
async def virtual_time(start: datetime = _START) -> AsyncIterator[VirtualClock]:
    """Let the apps that are made inside live in virtual time.

    `async with virtual_time() as clock:` ... `await clock.advance("3d")`.

    Where a test waits for a run that sleeps, `await run.start(...)`, time jumps to when it wakes by itself. Open questions do
    not make it jump: their deadlines come when the test advances the clock.
    """
    clock = VirtualClock(start)
    token = default_clock.set(clock)
    jumper = asyncio.get_running_loop().create_task(clock.jump(), name="virtual time")
    try:
        yield clock
    finally:
        default_clock.reset(token)
        jumper.cancel()
        with suppress(asyncio.CancelledError):
            await jumper
