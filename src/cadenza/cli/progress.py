"""A run as it goes: a table that lives on a terminal, a line for each event elsewhere, nothing where JSON is printed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from .out import brief, on_terminal, rich_table, say, span

if TYPE_CHECKING:
    from rich.table import Table

    from ..engine.base import StreamEvent

_ENDS = {"workflow-step-result", "workflow-step-suspended", "workflow-step-waiting"}


class Telling(Protocol):
    """Is told what happens."""

    def tell(self, event: StreamEvent) -> None:
        """*event* has happened."""
        ...


class Silent:
    """Tells nobody."""

    def tell(self, event: StreamEvent) -> None:
        """*event* has happened."""


class Lines:
    """Prints a line when a step ends, waits, or gets on."""

    def tell(self, event: StreamEvent) -> None:
        """*event* has happened."""
        payload = event.get("payload") or {}
        if event.get("type") in _ENDS:
            note = brief(_note(payload), 100)
            say(f"{payload['id']}: {payload['status']}{f': {note}' if note else ''}")
        elif event.get("type") == "workflow-step-progress":
            say(f"{payload['id']}: {payload['completed_count']} of {payload['total_count']}")


class Board:
    """Shows all steps that were begun, in a table that is drawn anew: it is asked for by rich, several times a second."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[str, datetime, datetime | None, str]] = {}

    def tell(self, event: StreamEvent) -> None:
        """*event* has happened."""
        payload, now = event.get("payload") or {}, datetime.now(UTC)
        match event.get("type"):
            case "workflow-step-start":
                self._rows[payload["id"]] = ("running", now, None, "")
            case "workflow-step-progress":
                done = f"{payload['completed_count']} of {payload['total_count']}"
                _, since, _, _ = self._rows.get(payload["id"], ("", now, None, ""))
                self._rows[payload["id"]] = ("running", since, None, done)
            case kind if kind in _ENDS:
                _, since, _, _ = self._rows.get(payload["id"], ("", now, None, ""))
                self._rows[payload["id"]] = (payload["status"], since, now, brief(_note(payload)))
            case _:
                pass

    def __rich__(self) -> Table:
        rows = [
            (name, status, span(since, until), note)
            for name, (status, since, until, note) in self._rows.items()
        ]
        return rich_table(("step", "status", "took", ""), rows)


def _note(payload: StreamEvent) -> object:
    if payload["status"] == "failed":
        error = payload.get("error") or {}
        return f"{error.get('name')}: {error.get('message')}"
    return payload.get("suspend_payload") if payload["status"] == "suspended" else payload.get("output")


@contextmanager
def shown(*, quiet: bool) -> Iterator[Telling]:
    """Whom to tell what happens."""
    if quiet:
        yield Silent()
    elif not on_terminal():
        yield Lines()
    else:
        from rich.console import Console
        from rich.live import Live

        board = Board()
        with Live(get_renderable=board.__rich__, console=Console(highlight=False), refresh_per_second=8):
            yield board


async def follow(stream: AsyncIterator[StreamEvent], *, quiet: bool) -> None:
    """Show the events of *stream* until it ends."""
    with shown(quiet=quiet) as telling:
        async for event in stream:
            telling.tell(event)
