"""Worker: finds runs that are due, orphaned, or have an answer and no driver, and lets the engine go on with them.

Any number of workers, in any processes, may look at one store: each run is claimed by one. A worker also lets happen what is
due at open questions: what follows their deadline; and it fires schedules.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..errors import CadenzaError, RunHeld, StoreUnavailable
from ..history.due import TIMED, due_after, stage_of
from ..history.event import Suspension
from ..model.workflow import Workflow
from ..store.base import Claimed, Due, DueRow, Wanted
from . import owner
from .base import Chore, Looking, Registry
from .hooks import HookKind, Notice
from .lease import LEASE
from .listing import runs_with

if TYPE_CHECKING:
    from .local import LocalEngine

_log = logging.getLogger("cadenza")

# How often, in seconds, it is looked for what other processes have left; what is due here is done when it is.
_LOOK = 1.0
# So many runs at most are driven here at once by a worker's wish; the others wait in the store.
_AT_ONCE = 500
_DUE_AT_ONCE = 100
# A run of which something is wrong is tried again after this; so many are known at most, those that failed last.
_LEFT_FOR = timedelta(seconds=60)
_LEFT = 10_000
# When hooks that failed are called again; longer than they may take.
_AGAIN = timedelta(seconds=60)


class Looker:
    """Looks after what time brings to the runs of *workflows*, and tries those that are held, from `start` to `stop`."""

    def __init__(self, engine: Looking, workflows: Registry, chore: Chore) -> None:
        self._engine = engine
        self._workflows = workflows
        self._chore = chore
        self._nudge = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        # Workflows whose held runs were found, and those that are still to be looked at.
        self._known: set[str] = set()
        self._held: list[tuple[str, str]] = []
        # What was last said of those that are left as they are, and until when they are left alone.
        self._said: dict[str, str] = {}
        self._left: dict[str, datetime] = {}

    def start(self) -> None:
        """Look from now on."""
        if self._task is None:
            self._engine.worker_nudge = self._nudge
            self._task = asyncio.get_running_loop().create_task(self._serve(), name="cadenza worker")

    async def stop(self) -> None:
        """Look no more. Runs under way go on."""
        task, self._task = self._task, None
        if task is not None:
            self._engine.worker_nudge = None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def die(self) -> None:
        """Play the death of this process."""
        if self._task is not None:
            self._task.cancel()

    async def _serve(self) -> None:
        while True:
            self._nudge.clear()
            looked_at = self._engine.clock.now()
            due: datetime | None = None
            self._engine.looking = True
            try:
                if await self.look():
                    continue
                dues = [await self._engine.store.next_due(self._due(looked_at)), await self._chore.next_due()]
                due = min((at for at in dues if at is not None and at > looked_at), default=None)
            except Exception:  # the store is away for a while: the worker outlives that
                _log.exception("the worker could not look for runs; it tries again")
            finally:
                self._engine.looking = False
            await self._pause(due)

    async def look(self) -> int:
        """Look once: take up what needs a driver, and let happen what is due. How many there were."""
        taken = await self._take_up_due()
        due = await self._engine.store.due(self._due(self._engine.clock.now()))
        tried = await self._try_held()
        passed = await asyncio.gather(*[self._guard(one.run_id, self._pass, one) for one in due])
        return taken + tried + sum(passed) + await self._chore.look()

    def _due(self, now: datetime) -> Due:
        workflows = list(self._workflows())
        skip = self._left_alone(now)
        return Due(engine=self._engine.name, workflows=workflows, now=now, skip=skip, limit=_DUE_AT_ONCE)

    def _left_alone(self, now: datetime) -> list[str]:
        """The runs that are not to be tried now: a hundred bad ones must not be in the way of all others with each look."""
        self._left = {run_id: until for run_id, until in self._left.items() if until > now}
        return [*self._left]

    async def _guard(self, run_id: str, work: Callable[..., Awaitable[int]], *given: object) -> int:
        """What *work* gives for *given*; 0, with a word about it, where it cannot be done: one bad run must not hold up the others."""
        try:
            return await work(*given)
        except StoreUnavailable:
            raise  # for all of them
        except Exception as error:  # whatever is wrong with one run is
            if self._said.get(run_id) == str(error):  # a second time: it will not be better at once
                self._left.pop(run_id, None)
                self._left[run_id] = self._engine.clock.now() + _LEFT_FOR
                if len(self._left) > _LEFT:
                    del self._left[next(iter(self._left))]
            else:
                self._said[run_id] = str(error)
                expected = isinstance(error, CadenzaError)
                _log.warning("the worker leaves run %s as it is: %s", run_id, error, exc_info=not expected)
            return 0

    async def _take_up_due(self) -> int:
        """Take up runs that need a driver; how many. Where something else drives them, none do."""
        return 0

    async def _try_held(self) -> int:
        """Go on with held runs that today's code fits again; how many were tried.

        Each is tried once: the code of a process does not change.
        """
        workflows = self._workflows()
        if new := workflows.keys() - self._known:
            rows = [row async for row in runs_with(self._engine.store, ["held"])]
            self._held += [
                (row.id, row.workflow)
                for row in rows
                if row.workflow in new and row.engine == self._engine.name
            ]
            self._known |= new
        room = max(0, min(_AT_ONCE - self._engine.under_way, _DUE_AT_ONCE))
        tried = 0
        for run_id, workflow in self._held[:room]:
            tried += await self._guard(run_id, self._try, workflows[workflow], run_id)
            self._held.remove((run_id, workflow))  # where the store is away, it is tried with the next look
        return tried

    async def _try(self, workflow: Workflow[Any, Any], run_id: str) -> int:
        try:
            await self._engine.take_up(workflow, run_id)
        except RunHeld as held:  # still
            _log.info("%s", held)
        return 1

    async def _pass(self, due: DueRow) -> int:
        """Let happen what is due at a suspension; 1 where something did."""
        engine = self._engine
        row, run = await engine.store.suspension(due.id), await engine.store.row(due.run_id)
        workflow = self._workflows().get(run.workflow) if run is not None else None
        if row is None or row.state not in TIMED or row.due_at is None or workflow is None:
            return 0
        stage, number = stage_of(row)
        kind: HookKind = "expired" if stage == "deadline" else stage
        if kind == "expired" and row.on_timeout is not None and row.state == "open":
            if not await self._expire(workflow, row):
                return 0
            row = await engine.store.suspension(row.id) or row
        seen, then = row.due_at, due_after(row, number + 1)
        if engine.hooks.wanted(kind):
            # For a while nobody else does it. Should this process die meanwhile, it is done again then: told twice at worst.
            # What follows comes at its time all the same.
            now = engine.clock.now()
            seen = min(now + _AGAIN, then) if then is not None and then > now else now + _AGAIN
            if not await engine.store.put_off(row.id, row.due_at, seen, told=number):
                return 0
            if not await self._tell(kind, row, workflow.id):
                return 1
        await engine.store.put_off(row.id, seen, then, told=number + 1)
        return 1

    async def _expire(self, workflow: Workflow[Any, Any], row: Suspension) -> bool:
        try:
            return await self._engine.expire(workflow, row)
        except RunHeld as held:
            # The row is closed all the same, and its answer there when the run goes on: unless not even its graph is there.
            found = await self._engine.store.suspension(row.id)
            if found is None or found.state == "open":
                raise
            _log.warning("%s", held)
            return True

    async def _tell(self, kind: HookKind, row: Suspension, workflow_id: str) -> bool:
        notice = Notice(
            kind=kind,
            run_id=row.run_id,
            workflow_id=workflow_id,
            at=self._engine.clock.now(),
            suspension=row,
        )
        return await self._engine.hooks.call(notice)

    async def _pause(self, due: datetime | None) -> None:
        """Return when there is something to look for: at *due*, when nudged, or after a while."""
        waits: list[asyncio.Task[Any]] = [asyncio.ensure_future(self._nudge.wait())]
        if due is not None:
            waits.append(asyncio.ensure_future(self._engine.clock.sleep_until(due)))
        try:
            await asyncio.wait(waits, timeout=_LOOK, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


class Worker(Looker):
    """Takes up the runs of the local engine too."""

    _engine: LocalEngine

    def __init__(self, engine: LocalEngine, workflows: Registry, chore: Chore) -> None:
        super().__init__(engine, workflows, chore)
        self._engine = engine
        # Runs whose lease was taken and that nobody drives yet.
        self._claimed: dict[str, Claimed] = {}

    async def _take_up_due(self) -> int:
        await self._give_back()
        self._claimed = {one.run_id: one for one in await self._claim()}
        taken = [await self._guard(one.run_id, self._take_over, one) for one in [*self._claimed.values()]]
        await self._give_back()
        return sum(taken)

    async def _give_back(self) -> None:
        """Give back the leases of runs that are not driven all the same: nobody would take one up while this process lives.

        What the store does not take now, because it is away, it is given with the next look.
        """
        for one in [*self._claimed.values()]:
            await self._engine.store.release(one.run_id, one.receipt.epoch)
            del self._claimed[one.run_id]

    async def _claim(self) -> list[Claimed]:
        room = _AT_ONCE - self._engine.under_way
        workflows = self._workflows()
        if room <= 0 or not workflows:
            return []
        store, now = self._engine.store, self._engine.clock.now()
        owners = await store.owners()
        wanted = Wanted(
            engine=self._engine.name,
            workflows=list(workflows),
            owner=self._engine.owner,
            now=now,
            until=now + LEASE,
            dead=[name for name in owners if owner.is_dead(name)],
            live=[name for name in owners if owner.is_here(name)],
            skip=self._left_alone(now),
            limit=min(room, _DUE_AT_ONCE),
        )
        return list(await store.claim_due(wanted))

    async def _take_over(self, claimed: Claimed) -> int:
        row = await self._engine.row(claimed.run_id)
        await self._engine.take_over(self._workflows()[row.workflow], claimed.run_id, claimed.receipt)
        del self._claimed[claimed.run_id]
        return 1
