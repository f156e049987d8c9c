"""Which store a URL means."""

from __future__ import annotations

from contextvars import ContextVar
from pathlib import Path

from ..errors import CodecConflict, UnknownStore
from .base import Store
from .memory import MemoryStore
from .packing import Codec
from .sqlite import SqliteStore

# The store of apps that are made here, whatever they name; the command line's `--store` sets it.
store_instead: ContextVar[str | None] = ContextVar("cadenza_store_instead", default=None)


def open_store(store: str | Path | Store | None, codec: Codec | None = None) -> Store:
    """The store that *store* names: nothing or `memory://`, a path, or a URL.

    Payloads go through *codec*, but for memory, which keeps none. `sqlite:///relative.db`, `sqlite:////absolute.db`, `postgresql://user@host/database`. Raises `UnknownStore`, and
    `ExtraMissing` where what the store needs is not installed.
    """
    if store is None or store == "memory://":
        return MemoryStore()
    if isinstance(store, Path):
        return SqliteStore(store, codec=codec)
    if not isinstance(store, str):
        if codec is not None:
            raise CodecConflict
        return store
    if store.startswith("sqlite:///") and store != "sqlite:///":
        return SqliteStore(store.removeprefix("sqlite:///"), codec=codec)
    if store.startswith(("postgresql://", "postgres://")):
        # Imported here: the driver is an extra.
        from .postgres import PostgresStore

        return PostgresStore(store, codec=codec)
    raise UnknownStore(store)
