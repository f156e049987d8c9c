"""How long a lease lasts, how one is wished for, and what for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from typing import Any

from ..clock import Clock
from ..model.value import dataclass
from ..model.values import Json
from ..store.base import Claim
from ..tracing.options import Asked, LegKind

# It is renewed after a third of it; a process that is gone for longer loses its runs to others.
LEASE = timedelta(seconds=60)


def new_claim(owner: str, clock: Clock, dead: int | None) -> Claim:
    """A wish for the lease, from now; *dead* is the epoch of a lease whose owner is gone."""
    now = clock.now()
    return Claim(owner=owner, now=now, until=now + LEASE, dead=dead)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What a run is taken up for, and with.

    Without *leg* nobody wanted it: a timer is due, or a process has died; with it *asked* is what they asked of its tracing.
    *patient*: also a run that keeps killing its drivers.
    """

    context: Mapping[str, Json] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict)
    leg: LegKind | None = None
    asked: Asked | None = None
    patient: bool = False


UNASKED = Errand()
