"""What time brings to an open suspension, in order: that it is told, the reminders, the deadline."""

from __future__ import annotations

from dataclasses import replace
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


def told_of(row: Suspension) -> int:
    """How many stages of *row* are done: the first one too where nobody wanted to be told that it was opened.

    Then it was never due before the second one.
    """
    later = stages(row)[1:]
    untold = row.due_at is not None and (not later or row.due_at < later[0][1])
    return row.told or (0 if untold else 1)


def stage_of(row: Suspension) -> tuple[Stage, int]:
    """What is due at *row* now, and its number among the stages."""
    known = stages(row)
    # A deadline that was passed and then extended comes again; and one that has closed the row overtakes reminders.
    number = len(known) - 1 if row.state == "expired" else min(told_of(row), len(known) - 1)
    return known[number][0], number


def due_extended(row: Suspension, deadline: datetime) -> datetime | None:
    """When next something is due at *row* once it has another deadline."""
    moved = replace(row, deadline=deadline)
    return due_after(moved, min(told_of(row), len(stages(moved)) - 1))


def due_after(row: Suspension, told: int) -> datetime | None:
    """When the stage after the first *told* ones comes, or None."""
    known = stages(row)
    return known[told][1] if told < len(known) else None
