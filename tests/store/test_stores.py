"""Every store meets its contract; and what is SQLite's alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from cadenza.store.base import Store
from cadenza.store.memory import MemoryStore
from cadenza.store.sqlite import SqliteStore
from cadenza.testing.store_suite import EXERCISES, Exercise


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize(
    "exercise", EXERCISES, ids=lambda exercise: exercise.__name__.removeprefix("exercise_")
)
async def test_a_store_meets_its_contract(exercise: Exercise, kind: str, tmp_path: Path) -> None:
    made: list[Store] = []

    def make_store() -> Store:
        made.append(MemoryStore() if kind == "memory" else SqliteStore(tmp_path / f"{len(made)}.db"))
        return made[-1]

    await exercise(make_store)
