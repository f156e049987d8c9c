"""Engine: who makes it happen. The contract that the local engine meets, and others will."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from ..clock import Clock
from ..history.event import Suspension
from ..history.explain import Explanation
from ..history.resume import ResumeRequest
from ..history.rewind import TravelRequest
from ..history.snapshot import Snapshot
from ..model.graph import Graph
from ..model.value import dataclass
from ..model.values import Json
from ..model.workflow import Workflow
from ..store.base import RunRow, Store
from ..store.packing import Codec
from ..tracing.options import NOTHING_ASKED, Asked, Tracing
from .feed import Feed
from .hooks import Hooks

StreamEvent: TypeAlias = dict[str, Json]
Registry: TypeAlias = Callable[[], Mapping[str, Workflow[Any, Any]]]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """What an app lends to an engine that was made before it."""

    store: Store
    clock: Clock
    secret_keys: frozenset[str]
    tracing: Tracing
    value_limit: int
    codec: Codec | None = None


class Chore(Protocol):
    """Something else to be seen to by the clock: schedules."""

    async def look(self) -> int:
        """Do what is due; how much there was."""
        ...

    async def next_due(self) -> datetime | None:
        """When there is something to do next, or None."""
        ...


class Serving(Protocol):
    """What makes an engine go on with runs by itself, from `start` to `stop`."""

    def start(self) -> None: ...

    async def stop(self) -> None: ...


class Engine(Protocol):
    """Drives runs of registered workflows. Each call returns the run when it has ended or waits for people only."""

    name: str
    feed: Feed
    hooks: Hooks
    # Set where no app was made for the workflow: then a run that waits is worth a warning.
    forgetful: bool

    @property
    def secret_keys(self) -> frozenset[str]:
        """The keys of the runtime context that are never kept."""
        ...

    @property
    def store(self) -> Store:
        """Where runs are kept."""
        ...

    @property
    def clock(self) -> Clock:
        """What tells the time here."""
        ...

    def serving(self, workflows: Registry, chore: Chore) -> Serving:
        """What goes on with the runs of *workflows* in this process, and sees to *chore* when it is due."""
        ...

    async def close(self) -> None:
        """Stop driving: runs stay where their journal is."""
        ...

    def die(self) -> None:
        """Play the death of this process."""
        ...

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

    async def set_claimant(self, row: Suspension, claimant: str | None) -> bool:
        """Let *claimant* (None: nobody) have claimed an open row; False where it has changed since *row* was read."""
        ...

    async def extend(self, row: Suspension, deadline: datetime, due_at: datetime | None) -> bool:
        """Give an open row another deadline; False where it is not open."""
        ...

    def driver_of(self, run: RunRow) -> str | None:
        """Who drives *run* now, or None."""
        ...

    async def forget(self, run: RunRow) -> None:
        """*run*, which nobody drives, is about to be removed from the store."""
        ...

    def rests(self, row: RunRow) -> bool:
        """Whether the run waits for people only."""
        ...

    async def settled(self, workflow: Workflow[Any, Any], run_id: str) -> Snapshot:
        """The run when it has ended or waits for people only, whoever drives it."""
        ...

    def nudge_worker(self) -> None:
        """There may be something due sooner than what serves in this process knows."""
        ...

    async def explain(self, workflow: Workflow[Any, Any], run_id: str) -> Explanation:
        """Why the run stands where it does."""
        ...

    async def graph(self, workflow: Workflow[Any, Any], run_id: str, snapshot: Snapshot) -> Graph:
        """The graph that the run is pinned to.

        Raises `RunHeld` where it is not in the store.
        """
        ...

    async def snapshot(self, run_id: str) -> Snapshot:
        """The run as it is now."""
        ...

    def events(self, run_id: str, after: int) -> AsyncIterator[StreamEvent]:
        """The stream events of a run after entry number *after*, then those to come, until it has ended or rests."""
        ...


class Looking(Engine, Protocol):
    """An engine that somebody looks after things for."""

    # Set while somebody looks for runs; and who is to be told that something may be due sooner than they know.
    looking: bool
    worker_nudge: asyncio.Event | None

    @property
    def under_way(self) -> int:
        """How many runs are driven here now."""
        ...

    async def take_up(self, workflow: Workflow[Any, Any], run_id: str) -> object:
        """Go on with a run that is held."""
        ...


class AttachableEngine(Engine, Protocol):
    """An engine that is made before the app it works for."""

    def attach(self, attached: Attached) -> None:
        """Work for an app."""
        ...
