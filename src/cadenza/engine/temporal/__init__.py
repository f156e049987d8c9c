"""The Temporal engine; the extra `cadenza[temporal]` installs what it needs."""

from __future__ import annotations

from .engine import TemporalEngine
from .worker import WorkerOptions

__all__ = ["TemporalEngine", "WorkerOptions"]
