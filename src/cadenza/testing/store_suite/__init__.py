"""What every store must do: who writes a store runs `EXERCISES` on it.

Each exercise is given a function that makes a new, empty store, and raises `AssertionError` where the contract of
`cadenza.store.base` is broken. What holds for one kind of store alone is tested beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import answers, conditions, counts, due, journal, lease, others, runs, schedules, time
from .given import Exercise, MakeStore

__all__ = ["EXERCISES", "Exercise", "MakeStore"]

EXERCISES: Sequence[Exercise] = tuple(
    found
    for module in (runs, journal, lease, due, answers, conditions, time, others, counts, schedules)
    for name, found in vars(module).items()
    if name.startswith("exercise_")
)
