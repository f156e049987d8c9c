"""How the walk over a node ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from ..history import event as ev
from ..model.value import dataclass
from ..model.values import Json


@dataclass(frozen=True, slots=True)
class Flow:
    """A value that passes on, and where it stands in the journal."""

    value: Json
    given: ev.Given


@dataclass(frozen=True, slots=True)
class Bail:
    """The workflow around ends with this."""

    value: Json
    given: ev.Given


@dataclass(frozen=True, slots=True)
class Fail:
    """The workflow around fails with this."""

    error: ev.Failure


@dataclass(frozen=True, slots=True)
class Stop:
    """The run is to stop; nothing further starts."""


End: TypeAlias = Flow | Bail | Fail | Stop
STOP = Stop()


def worst(ends: Sequence[End]) -> Fail | Bail | Stop | None:
    """What ends a block: a failure before a bail before a stop, each the first in order; None where all passed."""
    for kind in (Fail, Bail, Stop):
        for end in ends:
            if isinstance(end, kind):
                return end
    return None
