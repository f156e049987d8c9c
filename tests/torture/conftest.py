"""Real processes on one SQLite file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .process import Process
from .side_file import SideFile


@pytest.fixture
def store(tmp_path: Path) -> str:
    """The URL of a new SQLite file."""
    return f"sqlite:///{tmp_path / 'runs.db'}"


@pytest.fixture
def side_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SideFile:
    """What steps do, in all processes and in this one."""
    path = tmp_path / "side_file"
    path.touch()
    monkeypatch.setenv("CADENZA_SIDE_FILE", str(path))
    return SideFile(path)


@pytest.fixture
def begin(store: str, side_file: SideFile) -> Iterator[Callable[..., Process]]:
    """Begin a process that holds an app on the store; each is killed with the test."""
    begun: list[Process] = []

    def begin(name: str, **environment: str) -> Process:
        process = Process(name, store, **environment)
        begun.append(process)
        process.call("hello")
        return process

    yield begin
    for process in begun:
        process.kill()
