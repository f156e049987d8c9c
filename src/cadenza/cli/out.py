"""Printing: for people on a terminal, as plain lines elsewhere, as JSON where it is asked for.

All that a command says goes through here. The standard output is for what was asked for, the standard error for the rest.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..errors import NotConfirmed

if TYPE_CHECKING:
    from rich.table import Table

    from ..model.values import Json

# What a status looks like; those that nobody has to look at are plain.
COLORS = {
    "success": "green",
    "answered": "green",
    "ok": "green",
    "running": "cyan",
    "waiting": "cyan",
    "suspended": "yellow",
    "open": "yellow",
    "failed": "red",
    "held": "red",
    "problem": "red",
    "expired": "red",
}
_ANSI = {"green": 32, "cyan": 36, "yellow": 33, "red": 31}


def on_terminal() -> bool:
    """Whether a person reads the standard output."""
    return sys.stdout.isatty()


def can_ask() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def say(line: str = "") -> None:
    """Print a line, at once: others may be waiting for it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def hint(line: str) -> None:
    """Tell the person something beside what was asked for."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def ask(prompt: str) -> str:
    """What is typed after *prompt*.

    Raises `KeyboardInterrupt` at the end of the input, as after Ctrl+C.
    """
    sys.stderr.write(prompt)
    sys.stderr.flush()
    # The event loop's own handler would wait for the loop, which waits here.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        line = sys.stdin.readline()
    finally:
        signal.signal(signal.SIGINT, before)
    if not line:
        sys.stderr.write("\n")
        raise KeyboardInterrupt
    return line.strip()


def confirmed(what: str, *, of: Sequence[str] = ()) -> bool:
    """Whether a person says yes to *what*, having seen what it is *of*, a line each.

    Raises `NotConfirmed` where there is nobody to ask.
    """
    if not can_ask():
        raise NotConfirmed(what)
    for line in of:
        hint(line)
    if ask(f"{what} cannot be undone. Go on? (yes/no): ").lower() in {"y", "yes"}:
        return True
    hint("nothing was done")
    return False


def document(value: Json) -> None:
    """Print one JSON document."""
    say(json.dumps(value, indent=2, ensure_ascii=False))


def record(value: Json) -> None:
    """Print one JSON object as one line."""
    say(compact(value))


def compact(value: Json) -> str:
    """*value* as JSON on one line."""
    return json.dumps(value, ensure_ascii=False)


def brief(value: Json, room: int = 60) -> str:
    """*value* for a cell of a table: a text as it is, else JSON, cut where it is long."""
    text = value if isinstance(value, str) else "" if value is None else compact(value)
    text = " ".join(text.split())
    return text if len(text) <= room else text[: room - 1] + "…"


def paint(word: str, color: str | None = None) -> str:
    """*word* in the color of a status, where the standard output shows colors."""
    color = color or COLORS.get(word)
    if color is None or not on_terminal() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return word
    return f"\033[{_ANSI[color]}m{word}\033[0m"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows in aligned columns; on a terminal by rich, which folds what does not fit."""
    rows = list(rows)
    if on_terminal():
        from rich.console import Console

        Console(highlight=False).print(rich_table(titles, rows))
        return
    widths = [max(len(row[i]) for row in [titles, *rows]) for i in range(len(titles))]
    for row in [titles, *rows]:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def rich_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """The same as something that rich prints."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    found = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for title in titles:
        found.add_column(title, overflow="fold")
    for row in rows:
        found.add_row(*[Text(cell, style=COLORS.get(cell, "")) for cell in row])
    return found


def local(at: datetime | None) -> str:
    """A moment on this machine's clock, to the second."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at is not None else ""


def span(since: datetime, until: datetime | None = None) -> str:
    """How long that is, in its largest unit: `3d`, `5m`, `0.2s`."""
    seconds = ((until or datetime.now(UTC)) - since).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if abs(seconds) >= length:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:.1f}s"


def one_or_many(count: int, one: str, many: str | None = None) -> str:
    """`1 run`, `2 runs`."""
    return f"{count} {one if count == 1 else many or one + 's'}"
