"""Bringing a SQLite file up to date: numbered migrations that only go forward. `user_version` says how many were made."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from ..errors import StoreTooNew
from .sqlite_sql import MIGRATIONS
from .sqlite_writer import connect

# How long, in seconds, other processes that open the same new file are waited for, and how often it is tried again.
_PATIENCE = 30.0
_PAUSE = 0.005


def migrate(path: Path) -> None:
    """Bring the tables of the file at *path* up to date, whoever else is about to; all of it or nothing.

    Raises `StoreTooNew` where a newer Cadenza wrote it.
    """
    with closing(_open(path)) as db:
        if _version(db) == len(MIGRATIONS):
            return
        db.execute("begin immediate")
        try:
            # Look again: while the lock was waited for, another process may have done it.
            for statements in MIGRATIONS[_version(db) :]:
                for statement in statements.split(";"):
                    db.execute(statement)
            db.execute(f"pragma user_version = {len(MIGRATIONS)}")
        except BaseException:
            db.execute("rollback")
            raise
        db.execute("commit")


def versions(path: Path) -> tuple[int | None, int]:
    """The version of the tables at *path*, None where there are none, and the one that is wanted. Changes nothing."""
    if not path.exists():
        return None, len(MIGRATIONS)
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        found: int = db.execute("pragma user_version").fetchone()[0]
    return found or None, len(MIGRATIONS)


def _open(path: Path) -> sqlite3.Connection:
    # The switch to WAL, once in a file's life, needs it alone and fails at once: SQLite's busy timeout does not count there.
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            return connect(path)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(_PAUSE)


def _version(db: sqlite3.Connection) -> int:
    found: int = db.execute("pragma user_version").fetchone()[0]
    if found > len(MIGRATIONS):
        raise StoreTooNew(found, len(MIGRATIONS))
    return found
