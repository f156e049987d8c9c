"""Which store a URL means."""

from __future__ import annotations

from .base import Store
from .memory import MemoryStore


def open_store(store: str | Store | None) -> Store:
    """The store that *store* names."""
    if store is None or store == "memory://":
        return MemoryStore()
    assert not isinstance(store, str)
    return store
