"""Who is still moving: tokens and fan-outs.

Each live branch holds a token. It moves, sleeps or waits for people; a fan-out moves while any child does, sleeps while
one sleeps, waits when all that are left wait. When the root stops moving the run is at rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Literal, Protocol, TypeAlias

Motion: TypeAlias = Literal["moving", "sleeping", "waiting", "gone"]


class Observer(Protocol):
    """What hears how a token moves."""

    def moved(self, token: Token, old: Motion) -> None: ...


class Token:
    """One branch's share in the run. `parked` says whether it has ever waited for people."""

    __slots__ = ("_observer", "index", "motion", "parked")

    def __init__(self, observer: Observer, *, index: int = 0, parked: bool = False) -> None:
        self._observer = observer
        self.index = index
        self.motion: Motion = "moving"
        self.parked = parked

    def become(self, motion: Motion) -> None:
        """Move on, sleep, wait, or be gone."""
        old = self.motion
        if old != motion:
            self.motion = motion
            self.parked = self.parked or motion == "waiting"
            self._observer.moved(self, old)


class Root:
    """The observer of the whole run's token: its motion is the run's."""

    __slots__ = ("_at_rest",)

    def __init__(self, at_rest: Callable[[], None]) -> None:
        self._at_rest = at_rest

    def moved(self, token: Token, old: Motion) -> None:
        """Tell that the run has stopped moving."""
        if token.motion != "moving":
            self._at_rest()


class Dropped(BaseException):
    """The walk is given up where it waits: the run is at rest, and another walk will go on."""


class Fan:
    """Children that run at once, each with a token of its own.

    It is over when all have ended, or when one has broken off (`broken`) and none of the others still moves or sleeps: those
    that wait for people are given up.
    """

    def __init__(self, parent: Token, commit: Callable[[], Awaitable[None]]) -> None:
        self._parent = parent
        self._commit = commit
        self._count: dict[Motion, int] = {"moving": 0, "sleeping": 0, "waiting": 0, "gone": 0}
        # In the order in which they began: an engine that replays its walks must see the same each time.
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.broken = False

    @property
    def busy(self) -> int:
        """How many children move or sleep."""
        return self._count["moving"] + self._count["sleeping"]

    def start(
        self, walk: Callable[[Token], Coroutine[Any, Any, None]], *, index: int = 0, parked: bool = False
    ) -> None:
        """Begin a child."""
        token = Token(self, index=index, parked=parked)
        self._count["moving"] += 1
        task = asyncio.get_running_loop().create_task(self._child(walk, token))
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)

    async def wait(self) -> None:
        """Return when the fan-out is over; children that still wait are dropped."""
        try:
            if self._count["moving"]:
                await self._over
                if self._tasks:
                    # One of those that are dropped may be writing what all have noted: let it finish.
                    await self._commit()
        finally:
            left = list(self._tasks)
            for task in left:
                task.cancel()
            if left:
                await asyncio.gather(*left, return_exceptions=True)

    async def _child(self, walk: Callable[[Token], Coroutine[Any, Any, None]], token: Token) -> None:
        try:
            await walk(token)
            # Its end is durable while siblings go on, maybe for months; the last one's is written with what follows.
            if self.busy + self._count["waiting"] > 1:
                await self._commit()
        except (Exception, Dropped) as error:
            if not self._over.done():
                self._over.set_exception(error)
        token.become("gone")

    def moved(self, token: Token, old: Motion) -> None:
        """Pass on how the children move together."""
        count = self._count
        count[old] -= 1
        count[token.motion] += 1
        if count["moving"]:
            self._parent.become("moving")
        elif count["sleeping"]:
            self._parent.become("sleeping")
        elif self.broken or not count["waiting"]:
            if not self._over.done():
                self._over.set_result(None)
        else:
            self._parent.become("waiting")
