"""What every engine does with the store alone: it keeps runs that are not started, and reads all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any

from ..clock import Clock
from ..errors import OtherEngine, RunHeld, RunNotFound
from ..history.explain import Explanation, explain
from ..history.snapshot import Snapshot, fold
from ..model.graph import Graph
from ..model.workflow import Workflow
from ..store.base import RunRow, Store, Stored
from .base import StreamEvent
from .feed import Feed, observe
from .fit import why_held


class Reading(ABC):
    """Reads runs, and keeps those that are not started."""

    name: str
    feed: Feed

    @property
    @abstractmethod
    def store(self) -> Store:
        """Where runs are kept."""

    @property
    @abstractmethod
    def clock(self) -> Clock:
        """What tells the time here."""

    @abstractmethod
    def driver_of(self, run: RunRow) -> str | None:
        """Who drives *run* now, or None."""

    @abstractmethod
    def rests(self, row: RunRow) -> bool:
        """Whether the run waits for people only."""

    async def create(self, workflow: Workflow[Any, Any], run_id: str, resource_id: str | None) -> bool:
        """Keep a pending run; False where there is one with that id."""
        _ = workflow.graph  # an uncommitted workflow is told now, not when it runs
        now = self.clock.now()
        row = RunRow(
            id=run_id,
            workflow=workflow.id,
            engine=self.name,
            resource=resource_id,
            created_at=now,
            updated_at=now,
        )
        created = await self.store.create(row) == "created"
        self.feed.stir()
        return created

    async def explain(self, workflow: Workflow[Any, Any], run_id: str) -> Explanation:
        """Why the run stands where it does."""
        stored = await self.load(run_id)
        snapshot = fold(stored.entries)
        graph = await self.graph(workflow, run_id, snapshot)
        held = why_held(workflow, graph, snapshot)
        return explain(
            run_id,
            workflow.id,
            snapshot,
            stored.suspensions,
            graph,
            now=self.clock.now(),
            driver=self.driver_of(stored.run),
            obstacle=held.reason if held is not None else None,
        )

    def events(self, run_id: str, after: int) -> AsyncIterator[StreamEvent]:
        """The stream events of a run after entry *after*, then those to come, until it has ended or rests."""
        return observe(self.store, self.feed, run_id, after, self.rests)

    async def snapshot(self, run_id: str) -> Snapshot:
        """The run as it is now."""
        return fold((await self.load(run_id)).entries)

    async def row(self, run_id: str) -> RunRow:
        row = await self.store.row(run_id)
        if row is None:
            raise RunNotFound(run_id)
        return row

    def own(self, row: RunRow) -> RunRow:
        """*row*; raises `OtherEngine` where it is not this engine's to drive."""
        if row.engine != self.name:
            raise OtherEngine(row.id, row.engine, self.name)
        return row

    async def load(self, run_id: str) -> Stored:
        stored = await self.store.load(run_id)
        if stored is None:
            raise RunNotFound(run_id)
        return stored

    async def graph(self, workflow: Workflow[Any, Any], run_id: str, snapshot: Snapshot) -> Graph:
        """The graph that the run is pinned to."""
        if snapshot.fingerprint is None or snapshot.fingerprint == workflow.graph.fingerprint:
            return workflow.graph
        graph = await self.store.graph(snapshot.fingerprint)
        if graph is None:
            raise RunHeld(run_id, f"its graph {snapshot.fingerprint} is not in the store")
        return graph
