"""The local engine: runs on this process's event loop, kept in a store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import (
    RunAlive,
    RunAlreadyStarted,
    RunConflict,
    RunNotActive,
)
from ..history.closing import was_closed
from ..history.record import ENDED
from ..history.rewind import TravelRequest, rewind
from ..history.snapshot import Snapshot, fold
from ..model.value import altered
from ..model.values import limited
from ..model.workflow import Workflow
from ..store.base import RunRow
from ..tracing.options import NOTHING_ASKED, Asked
from .base import Chore, Registry, Starting
from .checking import begin_of, check_travel, split_context, split_travel
from .lease import Errand, new_claim
from .settling import Settling
from .worker import Worker


class LocalEngine(Settling):
    """Drives runs in this process. One engine is one owner of leases."""

    def serving(self, workflows: Registry, chore: Chore) -> Worker:
        """What goes on with the runs of *workflows* in this process, and sees to *chore* when it is due."""
        worker = Worker(self, workflows, chore)
        self._die_too.append(worker.die)
        return worker

    # ------------------------------------------------------------------ the contract

    async def create(self, workflow: Workflow[Any, Any], run_id: str, resource_id: str | None) -> bool:
        """Keep a pending run; False where there is one with that id."""
        self.check_open()
        return await super().create(workflow, run_id, resource_id)

    async def start(self, workflow: Workflow[Any, Any], run_id: str, starting: Starting) -> Snapshot:
        """Run it from its first step."""
        self.check_open()
        row = self.own(await self.row(run_id))
        if row.status != "pending":
            raise RunAlreadyStarted(run_id, row.status)
        dead = self._refuse_alive(row)  # whoever wanted to cancel it before it began
        event, secrets = begin_of(workflow, starting, self._secret_keys)
        limited(event.input, self._value_limit, "the input of workflow", workflow.id)
        limited(event.state, self._value_limit, "the state of workflow", workflow.id)
        drive = self.drive(workflow, workflow.graph, row, Snapshot(), secrets, starting.tracing)
        drive.claim_with(new_claim(self._owner, self._clock, dead))
        span = drive.leg.begin("start")
        drive.journal.note(event if span is None else altered(event, span=span))
        self.spawn(drive)
        try:
            return await self.result(drive, wait=starting.wait)
        except RunConflict:
            row = await self.row(run_id)
            if row.status == "pending" or drive.held:
                raise
            raise RunAlreadyStarted(run_id, row.status) from None

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
        self.check_open()
        stored = await self.load(run_id)
        row = self.own(stored.run)
        self._refuse_alive(row)
        waiting = fold(stored.entries).open
        unheard = any(was_closed(s) and s.id in waiting for s in stored.suspensions)
        if row.status in ENDED or row.status == "pending" or (row.status == "suspended" and not unheard):
            raise RunNotActive(run_id, row.status)
        kept, secrets = split_context(context, self._secret_keys)
        errand = Errand(context=kept, secrets=secrets, leg="restart", asked=tracing, patient=True)
        drive = await self.take_up(workflow, run_id, errand)
        if drive is None:
            row = await self.row(run_id)
            if row.status in ENDED:
                raise RunNotActive(run_id, row.status)
            raise RunAlive(run_id, "another process, which was faster")
        return await self.result(drive, wait=wait)

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
        self.check_open()
        travel, secrets = split_travel(travel, self._secret_keys)
        stored = await self.load(run_id)
        dead = self._refuse_alive(self.own(stored.run))
        snapshot = fold(stored.entries)
        graph = workflow.graph
        event = rewind(travel, snapshot, graph)
        check_travel(workflow, travel, event, snapshot, graph)
        drive = self.drive(workflow, graph, stored.run, snapshot, secrets, tracing)
        drive.claim_with(new_claim(self._owner, self._clock, dead))
        drive.journal.note(altered(event, span=drive.leg.begin("time_travel")))
        self.spawn(drive)
        return await self.result(drive, wait=wait)

    async def cancel(self, workflow: Workflow[Any, Any], run_id: str) -> bool:
        """Ask a run to stop; False where it has ended."""
        self.check_open()
        row = self.own(await self.row(run_id))
        if row.status in ENDED:
            return False
        asked = await self.store.request_cancel(run_id, self._clock.now())
        if not asked and (await self.row(run_id)).status in ENDED:  # just now
            return False
        taken = await self.go_on(workflow, run_id, Errand(leg="cancel", asked=NOTHING_ASKED))
        if taken is not None:
            # Nothing of the user's runs now: this writes the end and returns.
            await taken.finished.wait()
        elif self.driver_of(row) is None:
            await self._ended_by_another(run_id)
        return True

    async def _ended_by_another(self, run_id: str) -> None:
        """A run at rest that is to stop was taken up by somebody else, for the same reason: that it has ended is near."""
        row = await self.row(run_id)
        while row.status not in ENDED and self.driver_of(row) is not None:
            await self.store.wait(run_id, row, 1.0)
            row = await self.row(run_id)

    # ------------------------------------------------------------------ checking

    def _refuse_alive(self, row: RunRow) -> int | None:
        """The epoch of a dead lease, or None; raises `RunAlive` where the lease lives."""
        if (driver := self.driver_of(row)) is not None:
            raise RunAlive(row.id, driver)
        return row.lease.epoch if row.lease is not None else None
