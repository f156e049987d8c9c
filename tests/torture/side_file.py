"""What steps did, in the order in which they did it: a file that every process appends to before it does anything else.

It stands beside the store, so that it can be held against the journal.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cadenza import StepContext, SyncStepContext


@dataclass(frozen=True, slots=True)
class Line:
    """*what* happened at a place of a run, in the process *pid*; *detail* is the key of a `once`, a status, ..."""

    what: str
    run: str
    path: tuple[str | int, ...]
    detail: str
    pid: int


class SideFile:
    """The file, for whoever reads it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def lines(self, run: str | None = None) -> list[Line]:
        """All lines so far, or those of one run."""
        found: list[Line] = []
        for text in self._path.read_text().splitlines():
            what, run_id, path, detail, pid = json.loads(text)
            found.append(Line(what, run_id, tuple(path), detail, pid))
        return [line for line in found if run is None or line.run == run]

    def count(self, what: str, run: str, *path: str | int) -> int:
        """How often *what* happened there."""
        return sum(line.what == what and line.path == path for line in self.lines(run))


def say(what: str, run: str, path: tuple[str | int, ...] = (), detail: str = "") -> None:
    """Append a line, and beat once for the process that counts."""
    line: list[Any] = [what, run, path, detail, os.getpid()]
    # One write to a file opened with O_APPEND: lines of several processes do not mix, and a killed one's stay.
    file = os.open(os.environ["CADENZA_SIDE_FILE"], os.O_WRONLY | os.O_APPEND)
    try:
        os.write(file, (json.dumps(line) + "\n").encode())
    finally:
        os.close(file)
    if pulse := os.environ.get("CADENZA_PULSE"):
        os.write(int(pulse), b".")


def enter(ctx: StepContext | SyncStepContext, detail: str = "") -> None:
    """The first line of every step."""
    say("enter", ctx.run_id, ctx.path, detail)


def kept(ctx: StepContext | SyncStepContext, key: str) -> None:
    """The line after a `once`."""
    say("kept", ctx.run_id, ctx.path, key)


def leave(ctx: StepContext | SyncStepContext) -> None:
    """The last line of a step: its end is not in the journal yet."""
    say("leave", ctx.run_id, ctx.path)
