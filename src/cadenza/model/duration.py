"""Durations as people write them: `"3d"`, `"1h 30m"`, a timedelta, a number of seconds."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from itertools import pairwise
from typing import TypeAlias

from ..errors import InvalidDuration

Duration: TypeAlias = str | float | timedelta

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?) *(ms|s|m|h|d|w)")
_WHOLE = re.compile(rf"{_PART.pattern}(?: *{_PART.pattern})*")
# A thousand years: further than that the calendar ends.
LONGEST = timedelta(days=365_000)


def duration_of(given: Duration) -> timedelta:
    """*given* as a timedelta: `"3d"`, `"1h 30m"` (ms, s, m, h, d, w), a timedelta, or seconds.

    Raises `InvalidDuration` for anything else, for less than nothing and for more than a thousand years.
    """
    found: timedelta | None = None
    if isinstance(given, timedelta):
        found = given
    elif isinstance(given, str):
        if _WHOLE.fullmatch(given.strip()):
            seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(given))
            found = _of_seconds(seconds)
    elif not isinstance(given, bool) and math.isfinite(given):
        found = _of_seconds(given)
    if found is None or not timedelta() <= found <= LONGEST:
        raise InvalidDuration(given)
    return found


def _of_seconds(seconds: float) -> timedelta | None:
    return timedelta(seconds=seconds) if seconds <= LONGEST.total_seconds() else None


def lasting(seconds: float) -> str:
    """*seconds* for people: `120 ms`, `35 s`, `2 d 4 h`; the largest unit and the one below it, as studio/lib/time.js has it."""
    ms = seconds * 1000
    if ms < 1000:
        return f"{max(0, math.floor(ms + 0.5))} ms"
    rest = math.floor(ms / 1000 + 0.5)
    for (unit, size), (lower, part) in pairwise([("d", 86400), ("h", 3600), ("min", 60), ("s", 1), ("", 1)]):
        if rest >= size:
            below = rest % size // part
            return f"{rest // size} {unit}" + (f" {below} {lower}" if below and lower else "")
    raise AssertionError("a second has passed")
