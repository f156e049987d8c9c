"""What of the Temporal engine needs the store alone: the mirror that everybody reads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from ...clock import Clock
from ...errors import OtherEngine, RunHeld, RunNotFound
from ...history.explain import Explanation, explain
from ...history.snapshot import Snapshot, fold
from ...model.graph import Graph
from ...model.workflow import Workflow
from ...store.base import RunRow, Store, Stored
from ..base import Attached, StreamEvent
from ..feed import Feed, observe
from ..fit import why_held


class Reading:
    """Reads runs, and keeps those that are not started."""

    name = "temporal"
    feed: Feed
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

    async def create(self, workflow: Workflow[Any, Any], run_id: str, resource_id: str | None) -> bool:
        """Keep a pending run; False where there is one with that id."""
        _ = workflow.graph
        now = self.clock.now()
        row = RunRow(
            id=run_id,
            workflow=workflow.id,
            engine=self.name,
            resource=resource_id,
            created_at=now,
            updated_at=now,
        )
        return await self.store.create(row) == "created"

    def driver_of(self, run: RunRow) -> str | None:
        """Temporal, unless the run is at rest."""
        return "temporal" if run.status in {"running", "waiting"} else None

    # ------------------------------------------------------------------ reading

    async def explain(self, workflow: Workflow[Any, Any], run_id: str) -> Explanation:
        """Why the run stands where it does."""
        stored = await self.load(run_id)
        snapshot = fold(stored.entries)
        graph = await self.graph(workflow, snapshot)
        held = why_held(workflow, graph, snapshot)
        return explain(
            run_id,
            workflow.id,
            snapshot,
            stored.suspensions,
            await self.graph(workflow, snapshot),
            now=self.clock.now(),
            driver=self.driver_of(stored.run),
            obstacle=held.reason if held is not None else None,
        )

    async def snapshot(self, run_id: str) -> Snapshot:
        """The run as it is now."""
        return fold((await self.load(run_id)).entries)

    def events(self, run_id: str, after: int) -> AsyncIterator[StreamEvent]:
        """The stream events of a run after entry *after*, then those to come, until it has ended or rests."""
        return observe(self.store, self.feed, run_id, after, self.rests)

    def rests(self, row: RunRow) -> bool:
        """Whether the run waits for people only."""
        return row.status in {"suspended", "pending"} and row.wake_at is None

    async def row(self, run_id: str) -> RunRow:
        row = await self.store.row(run_id)
        if row is None:
            raise RunNotFound(run_id)
        return row

    async def own(self, run_id: str) -> RunRow:
        row = await self.row(run_id)
        if row.engine != self.name:
            raise OtherEngine(run_id, row.engine, self.name)
        return row

    async def load(self, run_id: str) -> Stored:
        stored = await self.store.load(run_id)
        if stored is None:
            raise RunNotFound(run_id)
        return stored

    async def graph(self, workflow: Workflow[Any, Any], snapshot: Snapshot) -> Graph:
        """The graph that the run is pinned to."""
        if snapshot.fingerprint is None or snapshot.fingerprint == workflow.graph.fingerprint:
            return workflow.graph
        graph = await self.store.graph(snapshot.fingerprint)
        if graph is None:
            raise RunHeld("?", f"its graph {snapshot.fingerprint} is not in the store")
        return graph
