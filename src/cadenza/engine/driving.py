"""Driving: the runs that are under way in this process, and waiting for those that are not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..clock import Clock
from ..errors import (
    AppClosed,
    RunHeld,
    RunNotFound,
)
from ..history import event as ev
from ..history.record import ENDED
from ..history.snapshot import Snapshot, fold
from ..model.graph import Graph
from ..model.values import Json
from ..model.workflow import Workflow
from ..store.base import Lease, RunRow, Store, Stored
from . import owner
from .drive import Drive
from .feed import Feed

# How often a driver looks for what other processes have put in, and a waiter whether another's run has come to rest.
_LOOK = 0.05
_LOOKS_AT_ONCE = 100
_PATIENCE = 1.0


class Driving:
    """Holds the drives, timers and waiters of one owner of leases."""

    def __init__(self, store: Store, clock: Clock, *, secret_keys: frozenset[str] = frozenset()) -> None:
        self.store = store
        self.feed = Feed()
        self._clock = clock
        self._secret_keys = secret_keys
        self._owner = owner.new_owner()
        self._drives: dict[str, Drive] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: dict[str, asyncio.Task[None]] = {}
        self._watcher: asyncio.Task[None] | None = None
        self._closed = False
        # Set where no app was made for the workflow: then a run that waits is worth a warning.
        self.forgetful = False

    async def close(self) -> None:
        """Stop driving: runs under way stay where their journal is, for the next process to take up."""
        self._closed = True
        tasks = [*self._tasks, *self._timers.values(), *([self._watcher] if self._watcher else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        owner.retire(self._owner)

    def die(self) -> None:
        """Play the death of this process: nothing is written or given back, the owner counts as dead."""
        self._closed = True
        owner.retire(self._owner)
        for drive in self._drives.values():
            drive.abandon()
        for task in [*self._tasks, *self._timers.values(), *([self._watcher] if self._watcher else [])]:
            task.cancel()

    def drive(
        self,
        workflow: Workflow[Any, Any],
        graph: Graph,
        row: RunRow,
        snapshot: Snapshot,
        secrets: Mapping[str, Any],
        tracing: Mapping[str, Any],
    ) -> Drive:
        return Drive(
            store=self.store,
            clock=self._clock,
            owner=self._owner,
            workflow=workflow,
            graph=graph,
            run=row,
            snapshot=snapshot,
            secret_keys=self._secret_keys,
            secrets=secrets,
            tracing=tracing,
            publish=self.feed.publish,
            show_chunk=self.feed.show,
        )

    def spawn(self, drive: Drive) -> None:
        self._drives[drive.run_id] = drive
        timer = self._timers.pop(drive.run_id, None)
        if timer is not None:
            timer.cancel()
        task = asyncio.get_running_loop().create_task(self._run(drive), name=f"cadenza run {drive.run_id}")
        drive.task = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _run(self, drive: Drive) -> None:
        try:
            await drive.go()
        except asyncio.CancelledError:
            raise
        except Exception:
            pass
        finally:
            if self._drives.get(drive.run_id) is drive:
                del self._drives[drive.run_id]
            wake_at = drive.snapshot.wake_at
            if drive.error is None and wake_at is not None and not self._closed:
                self._set_timer(drive.workflow, drive.run_id, wake_at)

    def _set_timer(self, workflow: Workflow[Any, Any], run_id: str, when: datetime) -> None:
        if run_id not in self._timers:
            self._timers[run_id] = asyncio.get_running_loop().create_task(self._wake(workflow, run_id, when))

    async def _wake(self, workflow: Workflow[Any, Any], run_id: str, when: datetime) -> None:
        await self._clock.sleep_until(when)
        self._timers.pop(run_id, None)
        await self.take_up(workflow, run_id)

    async def take_up(
        self,
        workflow: Workflow[Any, Any],
        run_id: str,
        *,
        context: Mapping[str, Json] | None = None,
        secrets: Mapping[str, Any] | None = None,
        tracing: Mapping[str, Any] | None = None,
    ) -> Drive | None:
        """Claim a run that nobody drives and go on with it; None where somebody does."""
        row = await self.row(run_id)
        if row.lease is not None and not self.is_over(row.lease):
            return None
        claim = Drive.new_claim(self._owner, self._clock, row.lease.epoch if row.lease else None)
        receipt = await self.store.claim(run_id, claim)
        if receipt is None:
            return None
        try:
            stored = await self.load(run_id)
            snapshot = fold(stored.entries)
            if snapshot.status in ENDED:  # between the look and the claim: it must not get a second end
                await self.store.release(run_id, receipt.epoch)
                return None
            graph = await self.graph(workflow, snapshot) if snapshot.fingerprint else workflow.graph
        except BaseException:
            await self.store.release(run_id, receipt.epoch)
            raise
        drive = self.drive(workflow, graph, stored.run, snapshot, secrets or {}, tracing or {})
        drive.holds(receipt)
        drive.signals = stored.run.signals
        drive.give([s for s in stored.suspensions if s.state == "answered"])
        if snapshot.seq and snapshot.status not in ENDED:
            drive.journal.note(ev.RunResumed(context=context or {}))
        self.spawn(drive)
        return drive

    async def go_on(
        self, workflow: Workflow[Any, Any], run_id: str, secrets: Mapping[str, Any] | None = None
    ) -> Drive | None:
        """Something was put in for a run: let whoever drives it see that, or drive it; the drive where it is a new one."""
        while (drive := self._drives.get(run_id)) is not None:
            if await drive.poke():
                return None
            assert drive.task is not None
            await asyncio.wait({drive.task})
        return await self.take_up(workflow, run_id, secrets=secrets)

    async def _watch(self) -> None:
        """Look now and then for what other processes have put in for the runs that are under way here."""
        last = 0
        while self._drives:
            await self._clock_pause()
            drives = [drive for drive in self._drives.values() if drive.holding]
            for drive in (drives[last:] + drives[:last])[:_LOOKS_AT_ONCE]:
                row = await self.store.row(drive.run_id)
                if row is not None and row.signals != drive.signals:
                    await drive.poke()
            last = (last + _LOOKS_AT_ONCE) % max(len(drives), 1)

    async def _clock_pause(self) -> None:
        # Real time, whatever the clock says: other processes do not live in this one's virtual time.
        await asyncio.sleep(_LOOK)  # noqa: TID251

    # ------------------------------------------------------------------ waiting for it

    async def result(self, drive: Drive, *, wait: bool) -> Snapshot:
        if not wait:
            await drive.durable()
            if drive.error is not None:
                raise drive.error
            return drive.snapshot
        return await self.settled(drive.workflow, drive.run_id, drive)

    async def settled(
        self, workflow: Workflow[Any, Any], run_id: str, drive: Drive | None = None
    ) -> Snapshot:
        """The run when it has ended or waits for people only, whoever drives it."""
        while True:
            drive = drive or self._drives.get(run_id)
            if drive is not None:
                await asyncio.shield(drive.finished)
                if drive.error is not None:
                    raise drive.error
                if drive.snapshot.wake_at is None:
                    return drive.snapshot
                drive = None
            if self._closed:
                raise AppClosed
            if run_id in self._timers:
                await asyncio.wait({self._timers[run_id]})
            elif run_id not in self._drives:
                row = await self.row(run_id)
                if row.status in ENDED or self.rests(row):
                    return await self.snapshot(run_id)
                await self._wait_for_driver(workflow, row)

    async def _wait_for_driver(self, workflow: Workflow[Any, Any], row: RunRow) -> None:
        """A run that is not at rest, and not driven here: wait a little for who drives it, or take it up."""
        if row.lease is not None and not self.is_over(row.lease):
            await self.store.wait(row.id, row, _PATIENCE)
        elif row.wake_at is not None and row.wake_at > self._clock.now():
            self._set_timer(workflow, row.id, row.wake_at)
        else:
            await self.take_up(workflow, row.id)

    def rests(self, row: RunRow) -> bool:
        """Whether the run waits for people only."""
        return row.status in {"suspended", "pending"} and row.lease is None and row.wake_at is None

    def is_over(self, lease: Lease) -> bool:
        """Whether the lease counts no more: its owner is gone, or it ran out."""
        return owner.is_dead(lease.owner) or (
            lease.until <= self._clock.now() and not owner.is_here(lease.owner)
        )

    async def snapshot(self, run_id: str) -> Snapshot:
        """The run as it is now."""
        return fold((await self.load(run_id)).entries)

    async def row(self, run_id: str) -> RunRow:
        row = await self.store.row(run_id)
        if row is None:
            raise RunNotFound(run_id)
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
