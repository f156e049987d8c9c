"""For tests, ours and users'."""

from __future__ import annotations

from ..app import Cadenza
from .virtual_time import VirtualClock, virtual_time

__all__ = ["VirtualClock", "kill", "virtual_time"]


def kill(app: Cadenza) -> None:
    """Play the death of the process that holds *app*.

    Its runs stop where they are, nothing more is written, its leases count as dead. The app must not be used again.
    """
    app.engine.die()
