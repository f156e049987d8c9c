"""Every store meets its contract, and URLs name stores."""

from __future__ import annotations

import traceback
from itertools import count
from pathlib import Path

import pytest

from cadenza.errors import InvalidStoreUrl, UnknownStore
from cadenza.store.base import Store
from cadenza.store.memory import MemoryStore
from cadenza.store.open import open_store
from cadenza.store.postgres import PostgresStore
from cadenza.store.sqlite import SqliteStore
from cadenza.testing.store_suite import EXERCISES, Exercise


@pytest.mark.parametrize("kind", ["memory", "sqlite", "postgres"])
@pytest.mark.parametrize(
    "exercise", EXERCISES, ids=lambda exercise: exercise.__name__.removeprefix("exercise_")
)
async def test_a_store_meets_its_contract(
    exercise: Exercise, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    numbers = count()

    def make_store() -> Store:
        if kind == "memory":
            return MemoryStore()
        if kind == "sqlite":
            return SqliteStore(tmp_path / f"{next(numbers)}.db")
        return PostgresStore(request.getfixturevalue("postgres").new())

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


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite:///", "sqlite://runs.db", "runs.db", ""])
def test_a_url_that_names_no_store_is_refused_with_those_that_are_known(url: str) -> None:
    with pytest.raises(UnknownStore, match="memory://, sqlite:///relative") as caught:
        open_store(url)
    assert caught.value.url == url


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://ann:hush hush@host/db", "percent-encoded spaces"),
        ("postgresql://ann:h@sh@ho st/db", "percent-encoded spaces"),
        ("postgresql://ann:hush@host/db?nope=1", "nope"),
    ],
)
async def test_a_url_that_the_driver_cannot_read_is_refused_without_its_password(url: str, says: str) -> None:
    store = open_store(url)
    with pytest.raises(InvalidStoreUrl, match=says) as caught:
        await store.setup()
    told = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert "%20 for a space" in told
    assert "hush" not in told
    assert "sh@ho" not in told
    await store.close()
