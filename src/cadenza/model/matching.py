"""Which waits an event is for."""

from __future__ import annotations

from .values import Json


def fits(wanted: Json, found: Json) -> bool:
    """Whether *found* holds all that *wanted* asks for: objects key by key, everything else as it is."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            key in found and fits(wanted[key], found[key]) for key in wanted
        )
    # JSON knows no difference between true and 1 in Python's sense: here there is one.
    return wanted == found and isinstance(wanted, bool) == isinstance(found, bool)
