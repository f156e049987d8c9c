"""The local engine: runs on this process's event loop, kept in a store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..clock import Clock
from ..errors import (
    AppClosed,
    InvalidContext,
    InvalidInput,
    InvalidResumeData,
    InvalidState,
    InvalidStepInput,
    Issue,
    RunAlive,
    RunAlreadyStarted,
    RunConflict,
    RunHeld,
    RunNotActive,
    RunNotFound,
    TimeTravelTarget,
    ValueNotKept,
)
from ..history import event as ev
from ..history.resume import ABSENT, refuse, resolve
from ..history.rewind import TravelRequest, rewind
from ..history.snapshot import ENDED, Snapshot, fold
from ..model.graph import Graph
from ..model.path import ids, show
from ..model.values import Json, plain
from ..model.workflow import Workflow
from ..store.base import Accepted, Answering, Lease, Reply, RunRow, Store, Stored, Write
from . import owner
from .answers import checked
from .base import Resuming, Starting, StreamEvent
from .drive import Drive
from .feed import Feed, observe

# How often a driver looks for what other processes have put in, and a waiter whether another's run has come to rest.
_LOOK = 0.05
_LOOKS_AT_ONCE = 100
_PATIENCE = 1.0


class LocalEngine:
    """Drives runs in this process. One engine is one owner of leases."""

    name = "local"

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

    # ------------------------------------------------------------------ the contract

    async def create(self, workflow: Workflow[Any, Any], run_id: str, resource_id: str | None) -> bool:
        """Keep a pending run; False where there is one with that id."""
        self._check_open()
        _ = workflow.graph  # an uncommitted workflow is told now, not when it runs
        now = self._clock.now()
        row = RunRow(
            id=run_id, workflow=workflow.id, engine=self.name, resource=resource_id, created_at=now, updated_at=now
        )
        return await self.store.create(row) == "created"

    async def start(self, workflow: Workflow[Any, Any], run_id: str, starting: Starting) -> Snapshot:
        """Run it from its first step."""
        self._check_open()
        row = await self._row(run_id)
        if row.status != "pending":
            raise RunAlreadyStarted(run_id, row.status)
        where = f"workflow {workflow.id}"
        if workflow.validate_inputs is False:
            value, state = plain(starting.input, where), plain(starting.state or {}, where)
        else:
            value = workflow.input.check(starting.input, InvalidInput, where)
            state = workflow.state.check({} if starting.state is None else starting.state, InvalidState, where)
        context, secrets = self._context(starting.context)
        drive = self._drive(workflow, workflow.graph, row, Snapshot(), secrets, starting.tracing)
        drive.claim_with(None)
        fingerprint = workflow.graph.fingerprint
        drive.journal.note(ev.RunStarted(fingerprint=fingerprint, input=value, state=state or {}, context=context))
        self._spawn(drive)
        try:
            return await self._result(drive, wait=starting.wait)
        except RunConflict:
            row = await self._row(run_id)
            if row.status == "pending":
                raise
            raise RunAlreadyStarted(run_id, row.status) from None

    async def answer(self, workflow: Workflow[Any, Any], run_id: str, resuming: Resuming) -> Snapshot:
        """Answer suspensions and go on."""
        self._check_open()
        stored = await self._load(run_id)
        snapshot = fold(stored.entries)
        graph = await self._graph(workflow, snapshot)
        targets = resolve(resuming.request, run_id, snapshot, stored.suspensions, graph)
        replies = [Reply(suspension_id=row.id, data=checked(workflow, row, resuming.data)) for row in targets]
        context, secrets = self._context(resuming.context)
        drive = self._drive(workflow, graph, stored.run, snapshot, secrets, resuming.tracing)
        write = self._answer_write(drive, stored.run, targets, replies, resuming, context)
        outcome = await self.store.answer(
            Answering(
                run_id=run_id,
                replies=replies,
                actor=resuming.actor,
                run_count=resuming.run_count,
                context=context,
                at=self._clock.now(),
                write=write,
            )
        )
        if not isinstance(outcome, Accepted):
            for row in outcome.rows:
                refuse(row)
            raise RunNotFound(run_id)
        if outcome.receipt is not None:
            drive.holds(outcome.receipt)
            self.feed.publish(run_id, list(write.entries) if write else [])
            self._spawn(drive)
            return await self._result(drive, wait=resuming.wait)
        await self._go_on(workflow, run_id, secrets)
        return await (self._settled(workflow, run_id) if resuming.wait else self.snapshot(run_id))

    async def restart(
        self, workflow: Workflow[Any, Any], run_id: str, context: Mapping[str, Any] | None, tracing: Mapping[str, Any]
    ) -> Snapshot:
        """Take up a run whose process has died."""
        self._check_open()
        stored = await self._load(run_id)
        row = stored.run
        self._refuse_alive(row)
        unheard = any(s.state == "answered" and s.id in fold(stored.entries).open for s in stored.suspensions)
        if row.status in ENDED or row.status == "pending" or (row.status == "suspended" and not unheard):
            raise RunNotActive(run_id, row.status)
        kept, secrets = self._context(context)
        drive = await self._take_up(workflow, run_id, context=kept, secrets=secrets, tracing=tracing)
        if drive is None:
            raise RunAlive(run_id, "another process, which was faster")
        return await self._result(drive, wait=True)

    async def rewind(
        self, workflow: Workflow[Any, Any], run_id: str, travel: TravelRequest, tracing: Mapping[str, Any]
    ) -> Snapshot:
        """Go back to a place and on from there."""
        self._check_open()
        stored = await self._load(run_id)
        dead = self._refuse_alive(stored.run)
        snapshot = fold(stored.entries)
        graph = workflow.graph
        event = rewind(travel, snapshot, graph)
        self._check_travel(workflow, travel, event, snapshot, graph)
        kept, secrets = self._context(travel.context)
        drive = self._drive(workflow, graph, stored.run, snapshot, secrets, tracing)
        drive.claim_with(dead)
        drive.journal.note(event)
        self._spawn(drive)
        return await self._result(drive, wait=True)

    async def cancel(self, workflow: Workflow[Any, Any], run_id: str) -> bool:
        """Ask a run to stop; False where it has ended."""
        self._check_open()
        row = await self._row(run_id)
        if row.status in ENDED:
            return False
        await self.store.request_cancel(run_id, self._clock.now())
        drive = self._drives.get(run_id)
        if drive is not None:
            drive.stop()
            return True
        taken = await self._take_up(workflow, run_id)
        if taken is not None:
            # Nothing of the user's runs now: this writes the end and returns.
            await asyncio.shield(taken.finished)
        return True

    async def snapshot(self, run_id: str) -> Snapshot:
        """The run as it is now."""
        return fold((await self._load(run_id)).entries)

    def events(self, run_id: str, after: int) -> AsyncIterator[StreamEvent]:
        """The stream events of a run after entry *after*, then those to come, until it has ended or rests."""
        return observe(self.store, self.feed, run_id, after, self._rests)

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

    # ------------------------------------------------------------------ driving

    def _drive(
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

    def _spawn(self, drive: Drive) -> None:
        self._drives[drive.run_id] = drive
        timer = self._timers.pop(drive.run_id, None)
        if timer is not None:
            timer.cancel()
        task = asyncio.get_running_loop().create_task(self._run(drive), name=f"cadenza run {drive.run_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _run(self, drive: Drive) -> None:
        try:
            await drive.go()
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: BLE001, S110  kept in `drive.error`, which whoever waits raises
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
        await self._take_up(workflow, run_id)

    async def _take_up(
        self,
        workflow: Workflow[Any, Any],
        run_id: str,
        *,
        context: Mapping[str, Json] | None = None,
        secrets: Mapping[str, Any] | None = None,
        tracing: Mapping[str, Any] | None = None,
    ) -> Drive | None:
        """Claim a run that nobody drives and go on with it; None where somebody does."""
        row = await self._row(run_id)
        if row.lease is not None and not self.is_over(row.lease):
            return None
        claim = Drive.new_claim(self._owner, self._clock, row.lease.epoch if row.lease else None)
        receipt = await self.store.claim(run_id, claim)
        if receipt is None:
            return None
        try:
            stored = await self._load(run_id)
            snapshot = fold(stored.entries)
            graph = await self._graph(workflow, snapshot) if snapshot.fingerprint else workflow.graph
        except BaseException:
            await self.store.release(run_id, receipt.epoch)
            raise
        drive = self._drive(workflow, graph, stored.run, snapshot, secrets or {}, tracing or {})
        drive.holds(receipt)
        drive.signals = stored.run.signals
        drive.give([s for s in stored.suspensions if s.state == "answered"])
        if snapshot.seq and snapshot.status not in ENDED:
            drive.journal.note(ev.RunResumed(context=context or {}))
        self._spawn(drive)
        return drive

    async def _go_on(self, workflow: Workflow[Any, Any], run_id: str, secrets: Mapping[str, Any]) -> None:
        """An answer is in: let whoever drives the run see it, or drive it."""
        drive = self._drives.get(run_id)
        if drive is not None:
            await drive.poke()
        else:
            await self._take_up(workflow, run_id, secrets=secrets)

    async def _watch(self) -> None:
        """Look now and then for what other processes have put in for the runs that are under way here."""
        last = 0
        while self._drives:
            await self._clock_pause()
            drives = [drive for drive in list(self._drives.values()) if drive.begun.done() and not drive.finished.done()]
            for drive in (drives[last:] + drives[:last])[:_LOOKS_AT_ONCE]:
                row = await self.store.row(drive.run_id)
                if row is not None and row.signals != drive.signals:
                    await drive.poke()
            last = (last + _LOOKS_AT_ONCE) % max(len(drives), 1)

    async def _clock_pause(self) -> None:
        # Real time, whatever the clock says: other processes do not live in this one's virtual time.
        await asyncio.sleep(_LOOK)  # noqa: TID251

    # ------------------------------------------------------------------ waiting for it

    async def _result(self, drive: Drive, *, wait: bool) -> Snapshot:
        if not wait:
            await asyncio.shield(drive.begun)
            if drive.error is not None:
                raise drive.error
            return drive.snapshot
        return await self._settled(drive.workflow, drive.run_id, drive)

    async def _settled(self, workflow: Workflow[Any, Any], run_id: str, drive: Drive | None = None) -> Snapshot:
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
            timer = self._timers.get(run_id)
            if timer is not None:
                await asyncio.wait({timer})
                continue
            if run_id in self._drives:
                continue
            row = await self._row(run_id)
            if row.status in ENDED or self._rests(row):
                return await self.snapshot(run_id)
            if row.lease is not None and not self.is_over(row.lease):
                await self.store.wait(run_id, row, _PATIENCE)
            elif row.wake_at is not None and row.wake_at > self._clock.now():
                self._set_timer(workflow, run_id, row.wake_at)
            else:
                await self._take_up(workflow, run_id)

    def _rests(self, row: RunRow) -> bool:
        """Whether the run waits for people only."""
        return row.status in {"suspended", "pending"} and row.lease is None and row.wake_at is None

    def is_over(self, lease: Lease) -> bool:
        """Whether the lease counts no more: its owner is gone, or it ran out."""
        return owner.is_dead(lease.owner) or lease.until <= self._clock.now() and not owner.is_here(lease.owner)

    # ------------------------------------------------------------------ checking

    def _check_open(self) -> None:
        if self._closed:
            raise AppClosed

    async def _row(self, run_id: str) -> RunRow:
        row = await self.store.row(run_id)
        if row is None:
            raise RunNotFound(run_id)
        return row

    async def _load(self, run_id: str) -> Stored:
        stored = await self.store.load(run_id)
        if stored is None:
            raise RunNotFound(run_id)
        return stored

    def _refuse_alive(self, row: RunRow) -> int | None:
        """The epoch of a dead lease, or None; raises `RunAlive` where the lease lives."""
        if row.lease is None:
            return None
        if not self.is_over(row.lease):
            raise RunAlive(row.id, row.lease.owner)
        return row.lease.epoch

    async def _graph(self, workflow: Workflow[Any, Any], snapshot: Snapshot) -> Graph:
        """The graph that the run is pinned to."""
        if snapshot.fingerprint is None or snapshot.fingerprint == workflow.graph.fingerprint:
            return workflow.graph
        graph = await self.store.graph(snapshot.fingerprint)
        if graph is None:
            raise RunHeld("?", f"its graph {snapshot.fingerprint} is not in the store")
        return graph

    def _context(self, given: Mapping[str, Any] | None) -> tuple[dict[str, Json], dict[str, Any]]:
        """*given* as what is kept and what is secret.

        Raises `InvalidContext` naming the keys whose values cannot be kept.
        """
        kept: dict[str, Json] = {}
        secret: dict[str, Any] = {}
        issues: list[Issue] = []
        for key, value in (given or {}).items():
            if key in self._secret_keys:
                secret[key] = value
                continue
            try:
                kept[key] = plain(value, key)
            except ValueNotKept as error:
                issues += [Issue(path=f"{key}.{i.path}".rstrip("."), message=i.message) for i in error.issues]
        if issues:
            raise InvalidContext("this run (declare keys that must not be kept: Cadenza(context_secrets={...}))", issues)
        return kept, secret

    def _answer_write(
        self,
        drive: Drive,
        row: RunRow,
        targets: Sequence[ev.Suspension],
        replies: Sequence[Reply],
        resuming: Resuming,
        context: Mapping[str, Json],
    ) -> Write | None:
        """What the answer adds to the journal, where nobody drives the run: then lease, answer and entries are one transaction."""
        if row.lease is not None and not self.is_over(row.lease):
            return None
        drive.journal.note(ev.RunResumed())
        for target, reply in zip(targets, replies, strict=True):
            drive.journal.note(
                ev.StepAnswered(
                    path=target.path,
                    suspension_id=target.id,
                    data=reply.data,
                    actor=resuming.actor,
                    key=target.key,
                    run_count=resuming.run_count,
                    context=context,
                )
            )
        return drive.first_write(Drive.new_claim(self._owner, self._clock, row.lease.epoch if row.lease else None))

    def _check_travel(
        self,
        workflow: Workflow[Any, Any],
        travel: TravelRequest,
        event: ev.RunRewound,
        snapshot: Snapshot,
        graph: Graph,
    ) -> None:
        """See that the target takes its new input and answer, and that what is kept has a place in today's graph."""
        code = workflow.code(ids(event.target))
        where = show(event.target)
        if code is not None and code.validate_inputs:
            if travel.input is not ABSENT:
                code.step.input.check(travel.input, InvalidStepInput, where)
            if travel.resume is not ABSENT:
                code.step.resume.check(travel.resume, InvalidResumeData, where)
        gone = {str(path[0]) for path in snapshot.records} - graph.places.keys()
        if gone:
            raise TimeTravelTarget(where, f"the run has been at {', '.join(sorted(gone))}, which today's code does not have")
