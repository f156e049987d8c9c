"""What time brings to an open suspension, in order: that it is told, the reminders, the deadline."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from .event import Suspension, SuspensionState

Stage: TypeAlias = Literal["suspended", "reminder", "deadline"]

# The states of rows at which something can be due: one that has expired waits until somebody was told of that.
TIMED: tuple[SuspensionState, ...] = ("open", "expired")


def stages(row: Suspension) -> list[tuple[Stage, datetime]]:
    """All that is ever due at *row*, and when. Reminders at or after the deadline are dropped."""
    reminders: list[tuple[Stage, datetime]] = [
        ("reminder", at) for at in row.remind_at if row.deadline is None or at < row.deadline
    ]
    deadline: list[tuple[Stage, datetime]] = [("deadline", row.deadline)] if row.deadline is not None else []
    return [("suspended", row.opened_at), *reminders, *deadline]


def stage_of(row: Suspension) -> tuple[Stage, int]:
    """What is due at *row* now, and its number among the stages."""
    known = stages(row)
    told = row.told
    if told == 0 and row.due_at != row.opened_at:
        told = 1  # nobody wanted to be told of it when it was opened
    # A deadline that was passed and then extended comes again; and one that has closed the row overtakes reminders.
    number = len(known) - 1 if row.state == "expired" else min(told, len(known) - 1)
    return known[number][0], number


def due_after(row: Suspension, told: int) -> datetime | None:
    """When the stage after the first *told* ones comes, or None."""
    known = stages(row)
    return known[told][1] if told < len(known) else None
