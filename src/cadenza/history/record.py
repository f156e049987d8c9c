"""What is known of one place of a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from ..model.path import Path
from ..model.values import Json
from . import event as ev

RunStatus: TypeAlias = Literal[
    "pending", "running", "waiting", "suspended", "success", "failed", "canceled", "held"
]
StepStatus: TypeAlias = Literal["running", "waiting", "suspended", "success", "failed", "canceled"]

ENDED: frozenset[str] = frozenset({"success", "failed", "canceled"})
# Runs that no worker takes up by itself: not started, not to be gone on with, or over.
RESTING: frozenset[str] = ENDED | {"pending", "held"}


@dataclass(slots=True, kw_only=True)
class StepRecord:
    """What is known of one place. `*_seq` are the numbers of the last entries of that sort, 0 for none."""

    path: Path
    status: StepStatus
    payload: Json
    started_at: datetime
    generation: int
    output: Json = None
    bailed: bool = False
    error: ev.Failure | None = None
    attempt: int = 0
    retry_at: datetime | None = None
    wake_at: datetime | None = None
    suspension: ev.Suspension | None = None
    suspend_payload: Json = None
    suspended_at: datetime | None = None
    suspended_seq: int = 0
    resumed_at: datetime | None = None
    resumed_seq: int = 0
    resume_payload: Json = None
    # What `ctx.resume_data` and `ctx.suspend_data` are: an answer to `suspend`, never one to `ask`.
    resume_data: tuple[Json, ...] = ()
    suspend_data: Json = None
    run_count: int = 0
    ended_at: datetime | None = None
    ended_seq: int = 0

    @property
    def ended(self) -> bool:
        """Whether the place is over."""
        return self.status in ENDED
