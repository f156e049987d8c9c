"""Path: the address of a place inside a run.

A path is a tuple, outside in: ids, and after the id of a loop or a foreach the number of the round or item, from 0.
`("nested", "approve")` is a step of a nested workflow, `("review", 2)` the third item of the foreach `review`,
`("n", 2, "y")` a step inside the third nested run.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]

ROOT: Path = ()

# A run asks a dozen times for the text or the ids of each of its paths.
_MANY = 4096
_FORBIDDEN = frozenset("./[]@")


def valid_id(found: object) -> bool:
    """Whether *found* can be the id of a step or workflow."""
    return isinstance(found, str) and bool(found) and found != "input" and not (_FORBIDDEN & set(found))


@lru_cache(_MANY)
def show(path: Path) -> str:
    """*path* as people read it: `nested.approve`, `review[2]`, `n[2].y`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


@lru_cache(_MANY)
def ids(path: Path) -> tuple[str, ...]:
    """*path* without rounds and items: `("n", 2, "y")` is `("n", "y")`."""
    return tuple(part for part in path if isinstance(part, str))


def within(path: Path, outer: Path) -> bool:
    """Whether *path* is *outer* or lies inside it."""
    return path[: len(outer)] == outer


def scope_of(path: Path) -> Path:
    """The path of the workflow that the place *path* belongs to: `("n", 2, "y")` is in `("n", 2)`."""
    end = len(path)
    while end and isinstance(path[end - 1], int):
        end -= 1
    return path[: end - 1] if end else ROOT


def place_of(path: Path) -> Path:
    """*path* without its last round or item: the loop or foreach itself. `("review", 2)` is `("review",)`."""
    end = len(path)
    while end and isinstance(path[end - 1], int):
        end -= 1
    return path[:end]


def from_json(parts: Iterable[str | int]) -> Path:
    """A path out of a JSON list."""
    return tuple(parts)
