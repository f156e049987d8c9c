"""Cron: at which moments a schedule fires. The only file that knows the cron library.

Five fields (minute, hour, day of month, month, day of week), or six with seconds first; names of days and months, `L` and
`MON#2` too. Where both days are restricted either may match, as in cron. In a time zone the rules of Debian's cron hold:
a fixed time of day fires once on each day, in the hour that summer time skips at its end, in the hour that comes twice the
first time; a schedule with `*` in minute or hour follows real time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from ..errors import InvalidCron, InvalidTimezone

# Any moment will do to read an expression with.
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """An expression and the name of its time zone (`"Europe/Berlin"`); without one it is UTC.

    Raises `InvalidCron`, also where it would never fire, and `InvalidTimezone`.
    """

    expression: str
    timezone: str | None = None

    def __post_init__(self) -> None:
        self._zone()
        try:
            next(CronSim(self.expression, _SOME_DAY))
        except CronSimError as error:
            raise InvalidCron(self.expression, str(error)) from error
        except (StopIteration, OverflowError):
            raise InvalidCron(self.expression, "it never fires") from None

    def next_after(self, moment: datetime) -> datetime | None:
        """The first time to fire later than *moment*, in UTC; None where there is none within fifty years."""
        # The library goes by the clock on the wall where the hour is fixed: of an hour that comes twice it may give the
        # first, which is past; of a skipped hour it gives the same moment for several times.
        for found in CronSim(self.expression, moment.astimezone(self._zone())):
            if (fire := found.astimezone(UTC)) > moment:
                return fire
        return None

    def _zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.timezone or "UTC")
        except (KeyError, ValueError, OSError) as error:  # unknown, not a name, or a folder of names
            raise InvalidTimezone(str(self.timezone)) from error
