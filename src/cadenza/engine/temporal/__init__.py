"""The Temporal engine; the extra `cadenza[temporal]` installs what it needs."""

from __future__ import annotations

from .engine import TemporalEngine
from .setup import set_up
from .worker import WorkerOptions

__all__ = ["TemporalEngine", "WorkerOptions", "set_up"]
