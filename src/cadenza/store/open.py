"""Which store a URL means."""

from __future__ import annotations

from pathlib import Path

from ..errors import UnknownStore
from .base import Store
from .memory import MemoryStore
from .sqlite import SqliteStore


def open_store(store: str | Path | Store | None) -> Store:
    """The store that *store* names: nothing or `memory://`, a path, or a URL.

    `sqlite:///relative.db`, `sqlite:////absolute.db`, `postgresql://user@host/database`. Raises `UnknownStore`, and
    `ExtraMissing` where what the store needs is not installed.
    """
    if store is None or store == "memory://":
        return MemoryStore()
    if isinstance(store, Path):
        return SqliteStore(store)
    if not isinstance(store, str):
        return store
    if store.startswith("sqlite:///") and store != "sqlite:///":
        return SqliteStore(store.removeprefix("sqlite:///"))
    if store.startswith(("postgresql://", "postgres://")):
        # Imported here: the driver is an extra.
        from .postgres import PostgresStore

        return PostgresStore(store)
    raise UnknownStore(store)
