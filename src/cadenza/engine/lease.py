"""How long a lease lasts, and how one is wished for."""

from __future__ import annotations

from datetime import timedelta

from ..clock import Clock
from ..store.base import Claim

# It is renewed after a third of it; a process that is gone for longer loses its runs to others.
LEASE = timedelta(seconds=60)


def new_claim(owner: str, clock: Clock, dead: int | None) -> Claim:
    """A wish for the lease, from now; *dead* is the epoch of a lease whose owner is gone."""
    now = clock.now()
    return Claim(owner=owner, now=now, until=now + LEASE, dead=dead)
