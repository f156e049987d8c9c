"""The Temporal engine: runs on Temporal, mirrored into the store that everybody reads."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError

from ...errors import (
    RunAlive,
    RunAlreadyStarted,
    RunNotActive,
)
from ...history import event as ev
from ...history.record import ENDED
from ...history.rewind import TravelRequest, rewind
from ...history.snapshot import Snapshot, fold
from ...model.graph import Graph
from ...model.graph import to_json as graph_to_json
from ...model.path import Path
from ...model.values import Json, limited
from ...model.workflow import Workflow
from ...store.base import RunRow
from ...store.packing import Codec
from ...tracing.leg import Telemetry
from ...tracing.options import Asked
from .. import owner
from ..base import Attached, Chore, Registry, Starting
from ..checking import begin_of, check_travel, split_context, split_travel
from ..feed import Feed
from ..hooks import Hooks
from .activities import Home, homes
from .answering import Answering
from .calls import Gone, MustSendAgain
from .converter import client_with
from .messages import LARGEST, event_to_json
from .mirror import Mirror
from .waiting import seen
from .worker import Serving, WorkerOptions


class TemporalEngine(Answering):
    """Runs workflows on Temporal: `Cadenza(store=..., engine=TemporalEngine(client, task_queue="..."))`.

    The store is a mirror that inbox, lists and results are read from; it must be the same for all apps and workers of the task
    queue. *codec*, or else that of the app, compresses or encrypts what Temporal keeps. *heartbeat* is how soon a dead worker is noticed. With
    *searchable* the search attributes that `cadenza temporal setup` registers are set. Leave *client* to this engine: it is
    dropped by `close`, so that a program ends cleanly.
    """

    def __init__(
        self,
        client: Client,
        *,
        task_queue: str,
        codec: Codec | None = None,
        heartbeat: timedelta = timedelta(seconds=10),
        searchable: bool = False,
        leave_after: int | None = None,
        options: WorkerOptions | None = None,
    ) -> None:
        self.feed = Feed()
        self.hooks = Hooks()
        self.forgetful = False
        self.looking = False
        self.worker_nudge: asyncio.Event | None = None
        self.task_queue = task_queue
        self.client: Client | None = client
        self._codec = codec
        self.heartbeat = heartbeat
        self.options = options or WorkerOptions()
        self._searchable = searchable
        self._leave_after = leave_after
        self._owner = owner.new_owner()
        self._home: Home | None = None
        self._serving: list[Serving] = []

    def attach(self, attached: Attached) -> None:
        """Work for an app."""
        assert self.client is not None
        self.client = client_with(self.client, self._codec or attached.codec)
        self._attached = attached
        self.telemetry = Telemetry(attached.tracing)
        self.mirror = Mirror(attached.store, attached.clock, self._owner, self.feed, self.hooks)

    # ------------------------------------------------------------------ workers

    def nudge_worker(self) -> None:
        """There may be something due sooner than what serves in this process knows."""
        if self.worker_nudge is not None:
            self.worker_nudge.set()

    def serving(self, workflows: Registry, chore: Chore) -> Serving:
        """A worker of this task queue in this process, which sees to *chore* too."""
        serving = Serving(self, workflows, chore)
        self._serving.append(serving)
        return serving

    def home(self, workflows: Registry) -> Home:
        """What workers of this engine share."""
        if self._home is None:
            self._home = Home(
                store=self.store,
                clock=self.clock,
                feed=self.feed,
                hooks=self.hooks,
                mirror=self.mirror,
                workflows=workflows,
                secret_keys=self.attached.secret_keys,
                value_limit=min(self.attached.value_limit, LARGEST),
                telemetry=self.telemetry,
                signal=self._signal,
                remembered=self._remembered,
            )
        return self._home

    async def _signal(self, run_id: str, name: str, data: Json) -> None:
        await self.calls.signal(run_id, name, data)

    async def _remembered(self, run_id: str, path: Path) -> Mapping[str, Json]:
        found: Mapping[str, Json] = await self.calls.handle(run_id).query("remembered", list(path))
        return found

    async def close(self) -> None:
        """Stop the workers of this engine and drop its client. Runs stay where they are."""
        for serving in self._serving:
            await serving.stop()
        self.client = None
        owner.retire(self._owner)
        # An interpreter that ends while the SDK still holds a call may abort: temporalio/sdk-python#300.
        gc.collect()

    def die(self) -> None:
        """Play the death of this process."""
        for serving in self._serving:
            serving.die()
        if homes.get(self.task_queue) is self._home:
            homes.pop(self.task_queue, None)
        owner.retire(self._owner)

    # ------------------------------------------------------------------ runs

    async def start(self, workflow: Workflow[Any, Any], run_id: str, starting: Starting) -> Snapshot:
        """Run it from its first step."""
        row = self.own(await self.row(run_id))
        if row.status != "pending":
            raise RunAlreadyStarted(run_id, row.status)
        event, secrets = begin_of(workflow, starting, self.attached.secret_keys)
        limited(event.input, self.attached.value_limit, "the input of workflow", workflow.id)
        limited(event.state, self.attached.value_limit, "the state of workflow", workflow.id)
        self.keep_secrets(run_id, secrets)
        leg = self.leg(workflow, row, Snapshot(), starting.tracing)
        event = replace(event, span=leg.begin("start"))
        return await seen(leg, self._started(workflow.graph, row, event, wait=starting.wait))

    async def _started(self, graph: Graph, row: RunRow, event: ev.RunStarted, *, wait: bool) -> Snapshot:
        run_id = row.id
        given = self.given(graph, row, event)
        try:
            if not wait:
                await self.calls.start(given)
                return await self.snapshot(run_id)
            report = await self.calls.start_and_wait(given, begun_is_enough=False)
        except WorkflowAlreadyStartedError:
            raise RunAlreadyStarted(run_id, (await self.row(run_id)).status) from None
        return await self.settled_by(run_id, report)

    # ------------------------------------------------------------------ restart, time travel, cancel

    async def restart(
        self,
        workflow: Workflow[Any, Any],
        run_id: str,
        context: Mapping[str, Any] | None,
        tracing: Asked,
        *,
        wait: bool = True,
    ) -> Snapshot:
        """Wait for a run that is under way: whichever worker lives goes on with it. A held one is tried again."""
        row = self.own(await self.row(run_id))
        if row.status in ENDED or row.status in {"pending", "suspended"}:
            raise RunNotActive(run_id, row.status)
        kept, secrets = split_context(context, self.attached.secret_keys)
        self.keep_secrets(run_id, secrets)
        while True:
            try:
                report = await self.calls.update(run_id, "restart", {"wait": wait, "context": kept})
            except Gone:
                stored = await self.load(run_id)
                snapshot = fold(stored.entries)
                if snapshot.status in ENDED:
                    return snapshot
                graph = await self.graph(workflow, run_id, snapshot)
                try:
                    report = await self.revive(
                        stored, snapshot, graph, ev.RunResumed(context=kept), wait=wait
                    )
                except WorkflowAlreadyStartedError:
                    continue
            if wait:
                return await self.settled_by(run_id, report)
            await self.take_in(run_id, report)
            return await self.snapshot(run_id)

    @property
    def under_way(self) -> int:
        """Runs are Temporal's to drive."""
        return 0

    async def take_up(self, workflow: Workflow[Any, Any], run_id: str) -> None:
        """Try a held run again, with the code of whichever worker gets it."""
        with suppress(RunNotActive, Gone):
            await self.take_in(run_id, await self.calls.update(run_id, "restart", data=False))

    async def rewind(
        self,
        workflow: Workflow[Any, Any],
        run_id: str,
        travel: TravelRequest,
        tracing: Asked,
        *,
        wait: bool = True,
    ) -> Snapshot:
        """Go back to a place and on from there, in a new execution."""
        row = self.own(await self.row(run_id))
        travel, secrets = split_travel(travel, self.attached.secret_keys)
        leg = self.leg(workflow, row, await self.snapshot(run_id), tracing)
        rewinding = self._rewound(workflow, run_id, travel, secrets, leg.begin("time_travel"), wait=wait)
        return await seen(leg, rewinding)

    async def _rewound(
        self,
        workflow: Workflow[Any, Any],
        run_id: str,
        travel: TravelRequest,
        secrets: Mapping[str, Any],
        span: ev.SpanRef | None,
        *,
        wait: bool,
    ) -> Snapshot:
        graph = workflow.graph
        while True:
            stored = await self.load(run_id)
            snapshot = fold(stored.entries)
            if snapshot.status in {"running", "waiting"}:
                raise RunAlive(run_id, "temporal")
            event = replace(rewind(travel, snapshot, graph), span=span)
            check_travel(workflow, travel, event, snapshot, graph)
            self.keep_secrets(run_id, secrets)
            begin = {
                "begin": event_to_json(event, self.clock.now()),
                "graph": graph_to_json(graph),
                "seq": snapshot.seq,
            }
            try:
                report = await self.calls.update(run_id, "rewind", begin)
                report["seq"] += 1  # it goes on with the time travel
            except MustSendAgain:
                await self.store.wait(run_id, stored.run, 0.1)
                continue
            except Gone:
                try:
                    report = await self.revive(stored, snapshot, graph, event, wait=wait)
                except WorkflowAlreadyStartedError:
                    continue
            return await self.settled_by(run_id, report) if wait else await self.snapshot(run_id)

    async def cancel(self, workflow: Workflow[Any, Any], run_id: str) -> bool:
        """Ask a run to stop; False where it has ended."""
        row = self.own(await self.row(run_id))
        if row.status in ENDED:
            return False
        if row.status == "pending":
            given = self.given(workflow.graph, row, None, stop=True)
            with suppress(WorkflowAlreadyStartedError):
                await self.take_in(run_id, await self.calls.start_and_wait(given, begun_is_enough=False))
                return True
        try:
            report = await self.calls.update(run_id, "cancel", None)
        except Gone:
            await self.last_words(run_id)
            return False
        if report["done"] and self._home is not None:
            # Not before: a step that ends at once could end the run before it knows that it is to stop.
            self._home.stop(run_id)
        await self.take_in(run_id, report)
        return bool(report["done"])

    async def forget(self, run: RunRow) -> None:
        """*run* is about to be removed from the store: Temporal need not keep it any longer."""
        await self.calls.terminate(run.id, "removed from the store")
