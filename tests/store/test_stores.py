"""Every store meets its contract, and URLs name stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from cadenza.errors import UnknownStore
from cadenza.store.base import Store
from cadenza.store.memory import MemoryStore
from cadenza.store.open import open_store
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


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///runs.db", "runs.db"),
        ("sqlite:///some/runs.db", "some/runs.db"),
        ("sqlite:////var/runs.db", "/var/runs.db"),
        (Path("/var/runs.db"), "/var/runs.db"),
    ],
)
def test_a_sqlite_url_names_a_file(url: str | Path, expected: str) -> None:
    store = open_store(url)
    assert isinstance(store, SqliteStore)
    assert store.path == Path(expected)


def test_without_a_url_runs_are_kept_in_memory() -> None:
    assert isinstance(open_store(None), MemoryStore)
    assert isinstance(open_store("memory://"), MemoryStore)
    store = MemoryStore()
    assert open_store(store) is store


@pytest.mark.parametrize("url", ["postgresql://host/db", "sqlite:///", "sqlite://runs.db", "runs.db", ""])
def test_a_url_that_names_no_store_is_refused_with_those_that_are_known(url: str) -> None:
    with pytest.raises(UnknownStore, match="memory://, sqlite:///relative") as caught:
        open_store(url)
    assert caught.value.url == url
