"""What all tests share: the event loop that they run on, and the stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .postgres import Schemas, schemas


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Schemas]:
    """A PostgreSQL server, started when a test first asks for it: one for each process of the tests."""
    with schemas() as given:
        yield given


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store, of each kind in turn."""
    kind: str = request.param
    if kind == "postgres":
        given: Schemas = request.getfixturevalue("postgres")
        return given.new()
    return "memory://" if kind == "memory" else f"sqlite:///{tmp_path / 'runs.db'}"
