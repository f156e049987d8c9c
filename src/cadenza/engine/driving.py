"""Driving: the runs that are under way in this process, and waiting for those that are not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from ..clock import Clock
from ..errors import (
    AppClosed,
    CadenzaError,
    RunConflict,
    RunHeld,
)
from ..execution import logs
from ..history import event as ev
from ..history.event import Suspension
from ..history.record import ENDED
from ..history.snapshot import Snapshot, fold
from ..model.graph import Graph
from ..model.path import ROOT
from ..model.workflow import Durability, Workflow
from ..store.base import Receipt, RunRow, Store
from ..tracing.leg import Telemetry, kind_of, leg_of
from ..tracing.options import Asked, Tracing
from . import owner
from .alarm import Alarm
from .drive import Drive
from .feed import Feed
from .fit import why_held
from .hooks import Hooks, end_of
from .keeper import Keeper
from .lease import UNASKED, Errand, new_claim
from .reading import Reading

_log = logging.getLogger("cadenza")

# How long, in seconds, a waiter waits for news of a run that another process drives before it looks again.
_PATIENCE = 1.0


# One value may have so many bytes of JSON, unless the app says otherwise.
VALUE_LIMIT = 64 * 1024 * 1024


class Driving(Reading):
    """Holds the drives, timers and waiters of one owner of leases."""

    name = "local"

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        secret_keys: frozenset[str] = frozenset(),
        durability: Durability = "sync",
        value_limit: int = VALUE_LIMIT,
        tracing: Tracing | None = None,
    ) -> None:
        self._store = store
        self.feed = Feed()
        self.hooks = Hooks()
        self._clock = clock
        self._secret_keys = secret_keys
        self._durability: Durability = durability
        self._value_limit = value_limit
        self._telemetry = Telemetry(tracing or Tracing())
        self._owner = owner.new_owner()
        self._drives: dict[str, Drive] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._telling: set[asyncio.Task[bool]] = set()
        self._alarm = Alarm(clock, self._wake)
        self._keeper = Keeper(store, clock, self._owner, self._drives)
        # The runs that sleep while somebody here waits for them, and when they go on.
        self._awaited: dict[str, datetime] = {}
        # Set while a worker looks for runs.
        self.looking = False
        self._closed = False
        # How what belongs to this engine plays its death with it.
        self._die_too: list[Callable[[], None]] = []
        # Who is told when a run comes to rest with a timer: a worker, else this engine's own alarm wakes it.
        self.worker_nudge: asyncio.Event | None = None
        # Set where no app was made for the workflow: then a run that waits is worth a warning.
        self.forgetful = False

    @property
    def owner(self) -> str:
        """The name under which this engine takes leases."""
        return self._owner

    @property
    def store(self) -> Store:
        """Where runs are kept."""
        return self._store

    @property
    def clock(self) -> Clock:
        """What tells the time here."""
        return self._clock

    @property
    def secret_keys(self) -> frozenset[str]:
        """The keys of the runtime context that are never kept."""
        return self._secret_keys

    @property
    def under_way(self) -> int:
        """How many runs are driven here now."""
        return len(self._drives)

    @property
    def busy(self) -> bool:
        """Whether a step runs, something is being written, or a worker looks for runs."""
        return self.looking or bool(self._telling) or any(drive.busy for drive in self._drives.values())

    def awaited(self) -> list[datetime]:
        """When the runs go on that somebody here waits for, and those whose walk is held over a short pause."""
        pauses = [drive.pause for drive in self._drives.values()]
        return [*self._awaited.values(), *(when for when in pauses if when is not None)]

    def check_open(self) -> None:
        """Raise `AppClosed` after `close`."""
        if self._closed:
            raise AppClosed

    async def close(self) -> None:
        """Stop driving: runs under way stay where their journal is, for the next process to take up."""
        self._closed = True
        tasks = self._stop()
        await asyncio.gather(*tasks, *self._telling, return_exceptions=True)
        owner.retire(self._owner)

    def die(self) -> None:
        """Play the death of this process: nothing is written or given back, the owner counts as dead."""
        self._closed = True
        owner.retire(self._owner)
        for die in self._die_too:
            die()
        for drive in self._drives.values():
            drive.abandon()
        self._stop()

    def _stop(self) -> list[asyncio.Task[None]]:
        self._alarm.stop()
        tasks = [*self._tasks, *self._keeper.tasks]
        for task in tasks:
            task.cancel()
        return tasks

    def drive(
        self,
        workflow: Workflow[Any, Any],
        graph: Graph,
        row: RunRow,
        snapshot: Snapshot,
        secrets: Mapping[str, Any],
        asked: Asked | None,
    ) -> Drive:
        return Drive(
            store=self.store,
            clock=self._clock,
            workflow=workflow,
            graph=graph,
            run=row,
            snapshot=snapshot,
            secret_keys=self._secret_keys,
            secrets=secrets,
            leg=leg_of(self._telemetry, workflow, row, snapshot, asked),
            durability=workflow.durability or self._durability,
            feed=self.feed,
            tell_due=self.nudge_worker,
            tells_of_questions=self.hooks.wanted("suspended"),
            value_limit=self._value_limit,
        )

    def spawn(self, drive: Drive) -> None:
        # It was closed meanwhile; the lease is that of an owner who is gone, so the next process takes the run up.
        if self._closed:
            drive.error = AppClosed()
            drive.leg.end(drive.error)
            drive.finish()
            return
        self._drives[drive.run_id] = drive
        self._alarm.forget(drive.run_id)
        task = asyncio.get_running_loop().create_task(self._run(drive), name=f"cadenza run {drive.run_id}")
        drive.task = task
        self._tasks.add(task)
        task.add_done_callback(partial(self._is_over, drive))
        self._keeper.start()

    def _is_over(self, drive: Drive, task: asyncio.Task[None]) -> None:
        """A task that is canceled before its first turn runs nothing: who waits for its drive is told all the same."""
        self._tasks.discard(task)
        if not drive.finished.is_set():
            self._drives.pop(drive.run_id, None)
            drive.error = AppClosed()
            drive.finish()

    async def _run(self, drive: Drive) -> None:
        logs.place.set((drive.run_id, drive.workflow_id, ROOT))  # this task is the leg's
        drive.leg.enter()
        try:
            await drive.go()
        except CadenzaError as error:
            # Whoever waits for the run is told; it is theirs to judge.
            _log.info("run %s is no longer driven here: %s", drive.run_id, error)
        except Exception:
            _log.exception("run %s cannot go on here; it stays as its journal has it", drive.run_id)
        finally:
            # Before anybody hears that the drive has finished: they are told with the event loop's next turn.
            drive.leg.end(drive.error)
            if self._drives.get(drive.run_id) is drive:
                del self._drives[drive.run_id]
            wake_at = drive.snapshot.wake_at
            if drive.error is None and wake_at is not None and not self._closed:
                self._set_timer(drive.workflow, drive.run_id, wake_at)
            if drive.error is None and drive.snapshot.status in ENDED and self.hooks.wanted("ended"):
                self._tell_ended(drive)

    def _tell_ended(self, drive: Drive) -> None:
        notice = end_of(drive.run_id, drive.workflow_id, drive.snapshot, self._clock.now())
        telling = asyncio.get_running_loop().create_task(self.hooks.call(notice))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    def nudge_worker(self) -> None:
        """There may be something due sooner than the worker of this process knows."""
        if self.worker_nudge is not None:
            self.worker_nudge.set()

    def _set_timer(self, workflow: Workflow[Any, Any], run_id: str, when: datetime) -> None:
        if self.worker_nudge is not None:
            self.nudge_worker()
        else:
            self._alarm.set(run_id, when, workflow)

    async def _wake(self, run_id: str, workflow: Workflow[Any, Any]) -> None:
        if not self._closed:
            await self.take_up(workflow, run_id)

    async def take_up(
        self, workflow: Workflow[Any, Any], run_id: str, errand: Errand = UNASKED
    ) -> Drive | None:
        """Claim a run that nobody drives and go on with it; None where somebody does, or there is nothing to do."""
        row = await self.row(run_id)
        if self.driver_of(row) is not None:
            return None
        claim = new_claim(self._owner, self._clock, row.lease.epoch if row.lease else None)
        receipt = await self.store.claim(run_id, claim)
        if receipt is None:
            return None
        return await self.take_over(workflow, run_id, receipt, errand)

    async def take_over(
        self, workflow: Workflow[Any, Any], run_id: str, receipt: Receipt, errand: Errand = UNASKED
    ) -> Drive | None:
        """Go on with a run whose lease was taken; None, and it is given back, where there is nothing to do.

        Raises `RunHeld`, and the run is held, where today's code does not fit it, or where it keeps killing its drivers and
        the errand is not patient with it. A run that is to be canceled needs no code.
        """
        try:
            stored = await self.load(run_id)
            snapshot = fold(stored.entries)
            if snapshot.status in ENDED:  # between the look and the claim: it must not get a second end
                await self.store.release(run_id, receipt.epoch)
                return None
            graph = await self.graph(workflow, run_id, snapshot) if snapshot.fingerprint else workflow.graph
            held = (
                None
                if receipt.cancel_requested
                else why_held(workflow, graph, snapshot, patient=errand.patient)
            )
        except BaseException:
            await self.store.release(run_id, receipt.epoch)
            raise
        if held is not None and held.reason == snapshot.held:  # it is written already
            await self.store.release(run_id, receipt.epoch)
            raise RunHeld(run_id, held.reason)
        drive = self.drive(workflow, graph, stored.run, snapshot, errand.secrets, errand.asked)
        drive.holds(receipt, stored)
        if held is not None:
            await drive.hold(held)
            raise RunHeld(run_id, held.reason)
        if snapshot.seq:
            span = drive.leg.begin(errand.leg or kind_of(snapshot))
            drive.journal.note(ev.RunResumed(context=errand.context, span=span))
        self.spawn(drive)
        return drive

    async def go_on(
        self, workflow: Workflow[Any, Any], run_id: str, errand: Errand = UNASKED
    ) -> Drive | None:
        """Something was put in for a run: let whoever drives it see that, or drive it; the drive where it is a new one."""
        while (drive := self._drives.get(run_id)) is not None:
            if await drive.poke():
                drive.leg.link(errand.asked)
                return None
            assert drive.task is not None
            await asyncio.wait({drive.task})
        return await self.take_up(workflow, run_id, errand)

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
                await drive.finished.wait()
                if drive.error is not None and not (drive.held and isinstance(drive.error, RunConflict)):
                    raise drive.error
                if drive.error is None and drive.snapshot.wake_at is None:
                    return drive.snapshot
                drive = None  # it sleeps, or somebody else drives it now
            self.check_open()
            if run_id not in self._drives:
                row = await self.row(run_id)
                if row.status in ENDED or self.rests(row):
                    return await self.snapshot(run_id)
                if row.status == "held" and row.lease is None:
                    raise RunHeld(run_id, (await self.snapshot(run_id)).held or "")
                await self._wait_for_driver(workflow, row)

    async def _wait_for_driver(self, workflow: Workflow[Any, Any], row: RunRow) -> None:
        """A run that is not at rest, and not driven here: wait a little for who drives it, or take it up."""
        if self.driver_of(row) is not None:
            await self.store.wait(row.id, row, _PATIENCE)
        elif row.wake_at is not None and row.wake_at > self._clock.now():
            self._set_timer(workflow, row.id, row.wake_at)
            self._awaited[row.id] = row.wake_at
            try:
                await self.store.wait(row.id, row, _PATIENCE)
            finally:
                self._awaited.pop(row.id, None)
        else:
            await self.take_up(workflow, row.id)

    def rests(self, row: RunRow) -> bool:
        """Whether the run waits for people only."""
        return row.status in {"suspended", "pending"} and row.lease is None and row.wake_at is None

    def driver_of(self, run: RunRow) -> str | None:
        """Who drives *run* now; None where nobody does, or whose lease counts no more: they are gone, or it ran out."""
        lease = run.lease
        if lease is None or owner.is_dead(lease.owner):
            return None
        lives = lease.until > self._clock.now() or owner.is_here(lease.owner)
        return lease.owner if lives else None

    async def forget(self, run: RunRow) -> None:
        """*run*, which nobody drives, is about to be removed from the store: nothing of it is elsewhere."""

    async def set_claimant(self, row: Suspension, claimant: str | None) -> bool:
        """Let *claimant* have claimed an open row; False where it has changed since *row* was read."""
        return await self.store.set_claimant(row.id, row.claimed_by, claimant, self._clock.now())

    async def extend(self, row: Suspension, deadline: datetime, due_at: datetime | None) -> bool:
        """Give an open row another deadline; False where it is not open."""
        extended = await self.store.extend(row.id, deadline, due_at)
        self.nudge_worker()
        return extended
