"""When a sleep ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ..history import event as ev
from ..model.graph import Sleep, SleepUntil
from ..model.values import Json
from .failure import failure_of


def fixed_time(node: Sleep | SleepUntil, started_at: datetime) -> datetime:
    """When a sleep ends whose duration or moment is in the graph."""
    if isinstance(node, SleepUntil):
        assert node.when is not None
        return node.when
    assert node.seconds is not None
    return started_at + timedelta(seconds=node.seconds)


def computed_time(node: Sleep | SleepUntil, started_at: datetime, found: Json) -> datetime | ev.Failure:
    """When a sleep ends whose function gave *found*: seconds, or for a moment ISO text or seconds since 1970."""
    try:
        if isinstance(node, Sleep):
            return started_at + timedelta(seconds=float(found))
        if not isinstance(found, str):
            return datetime.fromtimestamp(float(found), UTC)
        when = datetime.fromisoformat(found)
        return when if when.tzinfo else when.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError) as error:
        return failure_of(
            TypeError(f"{node.id}: expected seconds or a moment to sleep, found {found!r}: {error}")
        )
