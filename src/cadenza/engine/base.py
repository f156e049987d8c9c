"""Engine: who makes it happen. The contract that the local engine meets, and others will."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from ..history.event import Suspension
from ..history.resume import ResumeRequest
from ..history.rewind import TravelRequest
from ..history.snapshot import Snapshot
from ..model.values import Json
from ..model.workflow import Workflow
from ..tracing.options import NOTHING_ASKED, Asked

StreamEvent: TypeAlias = dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Starting:
    """What a start was given, unchecked."""

    input: Any
    state: Any
    context: Mapping[str, Any] | None = None
    actor: str | None = None
    tracing: Asked = NOTHING_ASKED
    wait: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Resuming:
    """What a resume was given, unchecked."""

    request: ResumeRequest
    data: Any
    context: Mapping[str, Any] | None = None
    run_count: int = 0
    actor: str | None = None
    via: str = "resume"
    idempotency_key: str | None = None
    dry_run: bool = False
    tracing: Asked = NOTHING_ASKED
    wait: bool = True


class Engine(Protocol):
    """Drives runs of registered workflows. Each call returns the run when it has ended or waits for people only."""

    name: str

    async def create(self, workflow: Workflow[Any, Any], run_id: str, resource_id: str | None) -> bool:
        """Keep a pending run; False where there is one with that id."""
        ...

    async def start(self, workflow: Workflow[Any, Any], run_id: str, starting: Starting) -> Snapshot:
        """Run it from its first step."""
        ...

    async def answer(self, workflow: Workflow[Any, Any], run_id: str, resuming: Resuming) -> Snapshot:
        """Answer suspensions and go on."""
        ...

    async def withdraw(
        self, workflow: Workflow[Any, Any], row: Suspension, reason: str | None, actor: str | None, via: str
    ) -> None:
        """Close an open suspension without an answer: its step fails."""
        ...

    async def expire(self, workflow: Workflow[Any, Any], row: Suspension) -> bool:
        """Let what is to follow the deadline of *row* happen; False where somebody, or another process, was faster."""
        ...

    async def restart(
        self,
        workflow: Workflow[Any, Any],
        run_id: str,
        context: Mapping[str, Any] | None,
        tracing: Asked,
        *,
        wait: bool = True,
    ) -> Snapshot:
        """Take up a run whose process has died."""
        ...

    async def rewind(
        self,
        workflow: Workflow[Any, Any],
        run_id: str,
        travel: TravelRequest,
        tracing: Asked,
        *,
        wait: bool = True,
    ) -> Snapshot:
        """Go back to a place and on from there."""
        ...

    async def cancel(self, workflow: Workflow[Any, Any], run_id: str) -> bool:
        """Ask a run to stop; False where it has ended."""
        ...

    async def snapshot(self, run_id: str) -> Snapshot:
        """The run as it is now."""
        ...

    def events(self, run_id: str, after: int) -> AsyncIterator[StreamEvent]:
        """The stream events of a run after entry number *after*, then those to come, until it has ended or rests."""
        ...
