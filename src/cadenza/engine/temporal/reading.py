"""What of the Temporal engine needs the store alone: the mirror that everybody reads."""

from __future__ import annotations

from ...clock import Clock
from ...store.base import RunRow, Store
from ..base import Attached
from ..reading import Reading


class MirrorReading(Reading):
    """Reads the mirror of an app's store, and keeps there what is not started."""

    name = "temporal"
    _attached: Attached | None = None

    @property
    def store(self) -> Store:
        """Where runs are mirrored."""
        return self.attached.store

    @property
    def clock(self) -> Clock:
        """What tells the time here; that of runs is Temporal's."""
        return self.attached.clock

    @property
    def attached(self) -> Attached:
        """What the app has lent."""
        assert self._attached is not None, "give the engine to an app: Cadenza(engine=...)"
        return self._attached

    @property
    def secret_keys(self) -> frozenset[str]:
        """The keys of the runtime context that are never kept."""
        return self.attached.secret_keys

    def driver_of(self, run: RunRow) -> str | None:
        """Temporal, unless the run is at rest."""
        return "temporal" if run.status in {"running", "waiting"} else None

    def rests(self, row: RunRow) -> bool:
        """Whether the run waits for people only."""
        return row.status in {"suspended", "pending"} and row.wake_at is None
