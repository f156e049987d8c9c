"""Lists of the SQLite store. Each is read on a connection of its own: a long one must not hold up the point reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from sqlite3 import Connection

from ..history.event import Suspension
from . import sqlite_sql as sql
from .base import Counted, Page, RunQuery, RunRow, SuspensionQuery
from .conditions import SQLITE, counted, counting, on_runs, on_suspensions
from .packing import Packing
from .rows import micros, run_of, suspension_of
from .sqlite_writer import connect


@contextmanager
def _reading(path: Path) -> Iterator[Connection]:
    """A connection that sees the file as it is now, until it is closed."""
    with closing(connect(path)) as db:
        db.execute("begin")
        yield db
        db.execute("commit")


def find(path: Path, query: RunQuery) -> Page:
    """The runs that match, newest first, and how many there are in all."""
    where, values = on_runs(query, SQLITE)
    with _reading(path) as db:
        total = db.execute(sql.count(where), values).fetchone()[0]
        rows = db.execute(sql.find(where), values).fetchall()
    return Page(runs=[run_of(row) for row in rows], total=total)


def counts(path: Path, query: RunQuery) -> Mapping[str, Counted]:
    """How the runs that match stand, by workflow."""
    where, values = on_runs(query, SQLITE)
    with _reading(path) as db:
        return counted(db.execute(counting(where, SQLITE), values).fetchall())


def recent(path: Path, since: datetime) -> Sequence[RunRow]:
    """The runs that were last written to at *since* or later."""
    with _reading(path) as db:
        return [run_of(row) for row in db.execute(sql.recent(), (micros(since),)).fetchall()]


def suspensions(path: Path, query: SuspensionQuery, packing: Packing) -> Sequence[Suspension]:
    """The suspension rows that match, oldest first."""
    where, values = on_suspensions(query, SQLITE)
    with _reading(path) as db:
        found = db.execute(sql.suspensions(where), values).fetchall()
    return [suspension_of(row, packing) for row in found]


def count_suspensions(path: Path, query: SuspensionQuery) -> int:
    """How many suspension rows match."""
    where, values = on_suspensions(query, SQLITE)
    with _reading(path) as db:
        found: int = db.execute(sql.count_suspensions(where), values).fetchone()[0]
    return found
