"""Waits: the branches of one run under way that wait for people or for time, and how they are woken."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterable
from datetime import datetime

from ..clock import Clock
from ..execution.effects import First
from ..history.closing import was_closed
from ..history.event import Suspension
from ..model.path import Path, within


class Waits:
    """What the branches of one walk wait for. Nothing here is kept: the journal knows it."""

    __slots__ = ("_answers", "_clock", "_loop", "_parked", "_sleepers")

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self._loop = loop
        self._clock = clock
        self._answers: dict[str, Suspension] = {}
        self._parked: dict[str, tuple[Path, asyncio.Future[Suspension | None]]] = {}
        self._sleepers: dict[Path, tuple[datetime, asyncio.Future[None]]] = {}

    @property
    def woken(self) -> bool:
        """Whether a branch has what it waited for and only waits for its turn."""
        parked = any(future.done() for _, future in self._parked.values())
        return parked or any(future.done() for _, future in self._sleepers.values())

    @property
    def first_timer(self) -> datetime | None:
        """When the first sleeper is to go on."""
        return min((when for when, _ in self._sleepers.values()), default=None)

    def give(self, rows: Iterable[Suspension], waiting: Container[str]) -> None:
        """Suspension rows of the run: those that were closed are what the branches of *waiting* ids wait for."""
        for row in rows:
            if row.id in waiting and was_closed(row):
                self._answers[row.id] = row

    def known_answer(self, suspension: Suspension) -> Suspension | None:
        """The row of *suspension* if it is closed already."""
        return self._answers.get(suspension.id)

    def wake(self, *, everybody: bool) -> None:
        """Let those go on who have what they waited for; with *everybody* all of them."""
        if everybody:
            for _, sleeping in self._sleepers.values():
                set_future(sleeping)
        for id_, (_, parked) in self._parked.items():
            if not parked.done() and (everybody or id_ in self._answers):
                parked.set_result(self._answers.get(id_))

    def give_up(self, path: Path) -> None:
        """Let what waits or sleeps at and below *path* go on at once, without what it waits for."""
        for place, (_, sleeping) in self._sleepers.items():
            if within(place, path):
                set_future(sleeping)
        for place, parked in self._parked.values():
            if within(place, path) and not parked.done():
                parked.set_result(None)

    async def park(self, suspension: Suspension, first: First, last: First = None) -> Suspension | None:
        """The row of *suspension* when it is closed; None when it is woken otherwise.

        *first* is awaited once it is known here; *last* before it is forgotten again, for until then it does not move.
        """
        future: asyncio.Future[Suspension | None] = self._loop.create_future()
        self._parked[suspension.id] = (suspension.path, future)
        try:
            self.wake(everybody=False)
            if first is not None:
                await first()
            row = await future
            if last is not None:
                await last()
            return row
        finally:
            del self._parked[suspension.id]

    async def sleep(self, when: datetime, path: Path, first: First, last: First = None) -> None:
        """Return at *when*, or when it is woken before; *first* and *last* as in `park`."""
        woken: asyncio.Future[None] = self._loop.create_future()
        sleeping = self._loop.create_task(self._clock.sleep_until(when))
        sleeping.add_done_callback(lambda _: set_future(woken))
        self._sleepers[path] = (when, woken)
        try:
            if first is not None:
                await first()
            await woken
            if last is not None:
                await last()
        finally:
            del self._sleepers[path]
            sleeping.cancel()


def set_future(future: asyncio.Future[None]) -> None:
    """Let *future* be done, if it is not."""
    if not future.done():
        future.set_result(None)
