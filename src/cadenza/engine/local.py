"""The local engine: runs on this process's event loop, kept in a store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

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
    RunNotActive,
    RunNotFound,
    TimeTravelTarget,
    ValueNotKept,
)
from ..history import event as ev
from ..history.record import ENDED
from ..history.resume import ABSENT, refuse, resolve
from ..history.rewind import TravelRequest, rewind
from ..history.snapshot import Snapshot, fold
from ..model.graph import Foreach, Graph, Place, inside
from ..model.path import Path, ids, show
from ..model.schema import Schema
from ..model.values import Json, plain
from ..model.workflow import Workflow
from ..store.base import Accepted, Answering, Refused, Reply, RunRow, Write
from .answers import checked
from .base import Resuming, Starting, StreamEvent
from .drive import Drive
from .driving import Driving
from .feed import observe


class LocalEngine(Driving):
    """Drives runs in this process. One engine is one owner of leases."""

    name = "local"

    # ------------------------------------------------------------------ the contract

    async def create(self, workflow: Workflow[Any, Any], run_id: str, resource_id: str | None) -> bool:
        """Keep a pending run; False where there is one with that id."""
        self._check_open()
        _ = workflow.graph  # an uncommitted workflow is told now, not when it runs
        now = self._clock.now()
        row = RunRow(
            id=run_id,
            workflow=workflow.id,
            engine=self.name,
            resource=resource_id,
            created_at=now,
            updated_at=now,
        )
        return await self.store.create(row) == "created"

    async def start(self, workflow: Workflow[Any, Any], run_id: str, starting: Starting) -> Snapshot:
        """Run it from its first step."""
        self._check_open()
        row = await self.row(run_id)
        if row.status != "pending":
            raise RunAlreadyStarted(run_id, row.status)
        where = f"workflow {workflow.id}"
        if workflow.validate_inputs is False:
            value, state = plain(starting.input, where), plain(starting.state or {}, where)
        else:
            value = workflow.input.check(starting.input, InvalidInput, where)
            state = workflow.state.check(
                {} if starting.state is None else starting.state, InvalidState, where
            )
        _refuse_no_object(state, where)
        context, secrets = self._context(starting.context)
        drive = self.drive(workflow, workflow.graph, row, Snapshot(), secrets, starting.tracing)
        drive.claim_with(None)
        fingerprint = workflow.graph.fingerprint
        drive.journal.note(ev.RunStarted(fingerprint=fingerprint, input=value, state=state, context=context))
        self.spawn(drive)
        try:
            return await self.result(drive, wait=starting.wait)
        except RunConflict:
            row = await self.row(run_id)
            if row.status == "pending" or drive.held:
                raise
            raise RunAlreadyStarted(run_id, row.status) from None

    async def answer(self, workflow: Workflow[Any, Any], run_id: str, resuming: Resuming) -> Snapshot:
        """Answer suspensions and go on."""
        self._check_open()
        stored = await self.load(run_id)
        snapshot = fold(stored.entries)
        graph = await self.graph(workflow, snapshot)
        targets = resolve(resuming.request, run_id, snapshot, stored.suspensions, graph)
        replies = [Reply(suspension_id=row.id, data=checked(workflow, row, resuming.data)) for row in targets]
        context, secrets = self._context(resuming.context)
        drive = self.drive(workflow, graph, stored.run, snapshot, secrets, resuming.tracing)
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
            for row in outcome.rows if isinstance(outcome, Refused) else ():
                refuse(row)
            raise RunNotFound(run_id)
        if outcome.receipt is not None:
            drive.holds(outcome.receipt)
            drive.give([row for row in stored.suspensions if row.state == "answered"])
            self.feed.publish(run_id, list(write.entries) if write else [])
            self.spawn(drive)
            return await self.result(drive, wait=resuming.wait)
        await self.go_on(workflow, run_id, secrets)
        return await (self.settled(workflow, run_id) if resuming.wait else self.snapshot(run_id))

    async def restart(
        self,
        workflow: Workflow[Any, Any],
        run_id: str,
        context: Mapping[str, Any] | None,
        tracing: Mapping[str, Any],
    ) -> Snapshot:
        """Take up a run whose process has died."""
        self._check_open()
        stored = await self.load(run_id)
        row = stored.run
        self._refuse_alive(row)
        unheard = any(s.state == "answered" and s.id in fold(stored.entries).open for s in stored.suspensions)
        if row.status in ENDED or row.status == "pending" or (row.status == "suspended" and not unheard):
            raise RunNotActive(run_id, row.status)
        kept, secrets = self._context(context)
        drive = await self.take_up(workflow, run_id, context=kept, secrets=secrets, tracing=tracing)
        if drive is None:
            row = await self.row(run_id)
            if row.status in ENDED:
                raise RunNotActive(run_id, row.status)
            raise RunAlive(run_id, "another process, which was faster")
        return await self.result(drive, wait=True)

    async def rewind(
        self, workflow: Workflow[Any, Any], run_id: str, travel: TravelRequest, tracing: Mapping[str, Any]
    ) -> Snapshot:
        """Go back to a place and on from there."""
        self._check_open()
        stored = await self.load(run_id)
        dead = self._refuse_alive(stored.run)
        snapshot = fold(stored.entries)
        graph = workflow.graph
        event = rewind(travel, snapshot, graph)
        self._check_travel(workflow, travel, event, snapshot, graph)
        _, secrets = self._context(travel.context)
        drive = self.drive(workflow, graph, stored.run, snapshot, secrets, tracing)
        drive.claim_with(dead)
        drive.journal.note(event)
        self.spawn(drive)
        return await self.result(drive, wait=True)

    async def cancel(self, workflow: Workflow[Any, Any], run_id: str) -> bool:
        """Ask a run to stop; False where it has ended."""
        self._check_open()
        row = await self.row(run_id)
        if row.status in ENDED:
            return False
        await self.store.request_cancel(run_id, self._clock.now())
        taken = await self.go_on(workflow, run_id)
        if taken is not None:
            # Nothing of the user's runs now: this writes the end and returns.
            await asyncio.shield(taken.finished)
        return True

    def events(self, run_id: str, after: int) -> AsyncIterator[StreamEvent]:
        """The stream events of a run after entry *after*, then those to come, until it has ended or rests."""
        return observe(self.store, self.feed, run_id, after, self.rests)

    # ------------------------------------------------------------------ checking

    def _check_open(self) -> None:
        if self._closed:
            raise AppClosed

    def _refuse_alive(self, row: RunRow) -> int | None:
        """The epoch of a dead lease, or None; raises `RunAlive` where the lease lives."""
        if row.lease is None:
            return None
        if not self.is_over(row.lease):
            raise RunAlive(row.id, row.lease.owner)
        return row.lease.epoch

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
            raise InvalidContext(
                "this run (declare keys that must not be kept: Cadenza(context_secrets={...}))", issues
            )
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
        return drive.first_write(
            Drive.new_claim(self._owner, self._clock, row.lease.epoch if row.lease else None)
        )

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
        if travel.state is not None:
            if workflow.validate_inputs is not False:
                workflow.state.check(travel.state, InvalidState, f"workflow {workflow.id}")
            _refuse_no_object(travel.state, f"workflow {workflow.id}")
        if code is not None and code.validate_inputs:
            if travel.input is not ABSENT:
                foreach = isinstance(event.target[-1], str) and isinstance(
                    _place(graph, event.target), Foreach
                )
                schema = Schema.of(list[code.step.input.type]) if foreach else code.step.input  # type: ignore[name-defined]
                schema.check(travel.input, InvalidStepInput, where)
            if travel.resume is not ABSENT:
                code.step.resume.check(travel.resume, InvalidResumeData, where)
        gone = {str(path[0]) for path in snapshot.records} - graph.places.keys()
        if gone:
            raise TimeTravelTarget(
                where, f"the run has been at {', '.join(sorted(gone))}, which today's code does not have"
            )


def _refuse_no_object(state: Json, where: str) -> None:
    if not isinstance(state, dict):
        raise InvalidState(where, [Issue(path="", message=f"Input should be an object, found {state!r:.50}")])


def _place(graph: Graph, path: Path) -> Place | None:
    here: Graph | None = graph
    place: Place | None = None
    for id_ in ids(path):
        place = here.places.get(id_) if here is not None else None
        here = inside(place) if place is not None else None
    return place
