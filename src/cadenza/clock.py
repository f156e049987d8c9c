"""The one place that knows real time.

Everything that needs the time or a pause is given a `Clock`, so that tests need not wait.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable


class Clock(Protocol):
    """What time it is, and how to wait for a moment."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...

    async def sleep_until(self, when: datetime) -> None:
        """Return at *when*, or at once if it has passed."""
        ...


class Watched(Protocol):
    """Something that may be at work, for a clock of which time passes only when nothing is."""

    @property
    def busy(self) -> bool:
        """Whether code runs or something is being written."""
        ...

    def awaited(self) -> list[datetime]:
        """The moments that somebody is waiting for here."""
        ...


@runtime_checkable
class WatchingClock(Clock, Protocol):
    """A clock that looks at who uses it."""

    def watch(self, user: Watched) -> None:
        """Look at *user* from now on."""
        ...


# One sleep at most this long: event loops reject or drift on waits of months, and the wall clock may be set.
_LONGEST_NAP = 3600.0


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, when: datetime) -> None:
        """Return at *when*, or at once if it has passed."""
        while (left := (when - self.now()).total_seconds()) > 0:  # noqa: ASYNC110  there is no event to await
            await asyncio.sleep(min(left, _LONGEST_NAP))  # noqa: TID251  the one real sleep


# The clock of apps that are made here without one; `cadenza.testing.virtual_time` sets it.
default_clock: ContextVar[Clock | None] = ContextVar("cadenza_default_clock", default=None)
