"""Settling: how open suspensions are closed, by an answer, by somebody who withdraws the question, or by time.

The compare-and-set on their rows decides who wins, whoever asks and wherever. Everything is checked before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ..errors import RunHeld, RunNotFound, SuspensionCanceled, SuspensionNotFound
from ..history import event as ev
from ..history.event import Suspension
from ..history.resume import first_rest_after, refuse
from ..history.rivals import has_won, rivals_of
from ..history.snapshot import Snapshot, fold
from ..model.graph import Graph
from ..model.path import show
from ..model.value import altered
from ..model.values import Json, limited
from ..model.workflow import Workflow
from ..store.base import Accepted, Answering, AnswerOutcome, Missed, Refused, Reply, Stored
from ..tracing.options import NOTHING_ASKED
from .answers import answered_before, check_all, refuse_losers
from .base import Resuming
from .checking import split_context
from .drive import Drive
from .driving import Driving
from .fit import why_held
from .lease import Errand, new_claim


class Settling(Driving):
    """A `Driving` that takes answers."""

    async def answer(self, workflow: Workflow[Any, Any], run_id: str, resuming: Resuming) -> Snapshot:
        """Answer suspensions and go on."""
        self.check_open()
        # What it was checked by is let go before the run is waited for.
        found = await self._give(workflow, run_id, resuming)
        if isinstance(found, Snapshot):
            return found
        drive, mine = found
        if mine:
            return await self.result(drive, wait=resuming.wait)
        return await (self.settled(workflow, run_id) if resuming.wait else self.snapshot(run_id))

    async def _give(
        self, workflow: Workflow[Any, Any], run_id: str, resuming: Resuming
    ) -> Snapshot | tuple[Drive, bool]:
        """The drive that goes on with the answer, and whether that is the answerer's own; or how the run is, without one."""
        while True:
            stored = await self.load(run_id)
            self.own(stored.run)
            if earlier := answered_before(lambda: workflow, resuming, stored.suspensions):
                return await self._outcome_of(workflow, run_id, earlier, wait=resuming.wait)
            snapshot = fold(stored.entries)
            graph = await self.graph(workflow, run_id, snapshot)
            answers = check_all(lambda: workflow, resuming, run_id, snapshot, stored.suspensions, graph)
            targets = [row for row in stored.suspensions if row.id in answers]
            replies = [
                Reply(
                    suspension_id=row.id,
                    data=limited(answers[row.id], self._value_limit, "the answer to", show(row.path)),
                )
                for row in targets
            ]
            context, secrets = split_context(resuming.context, self._secret_keys)
            if resuming.dry_run:
                return snapshot
            answering = Answering(
                run_id=run_id,
                replies=replies,
                actor=resuming.actor,
                via=resuming.via,
                idempotency_key=resuming.idempotency_key,
                run_count=resuming.run_count,
                context=context,
                at=self._clock.now(),
                unclaimed=True,  # as `check_all` has seen it
            )
            drive = self.drive(workflow, graph, stored.run, snapshot, secrets, resuming.tracing)
            outcome = await self._close(drive, stored, graph, targets, answering)
            if isinstance(outcome, Missed):
                continue  # the run has moved on meanwhile: look again
            if isinstance(outcome, Refused):
                for row in outcome.rows:
                    if row.idempotency_key is not None and row.idempotency_key == resuming.idempotency_key:
                        break  # the same request, sent twice at once: the other one was faster
                    refuse(row)
                else:
                    raise RunNotFound(run_id)
                continue
            await self._after(workflow, drive, outcome, secrets)
            return drive, outcome.receipt is not None

    async def withdraw(
        self, workflow: Workflow[Any, Any], row: Suspension, reason: str | None, actor: str | None, via: str
    ) -> None:
        """Close an open suspension without an answer: its step fails."""
        outcome = await self._settle(workflow, row, "canceled", None, reason=reason, actor=actor, via=via)
        if isinstance(outcome, Refused):
            for found in outcome.rows:
                refuse(found)
            raise SuspensionNotFound(row.id)

    async def expire(self, workflow: Workflow[Any, Any], row: Suspension) -> bool:
        """Let what is to follow the deadline of *row* happen; False where somebody, or another process, was faster."""
        assert row.on_timeout is not None
        try:
            outcome = await self._settle(
                workflow, row, "expired", row.on_timeout.data, via="deadline", due=self._clock.now()
            )
        except SuspensionCanceled:
            return False  # its rival was answered: whoever drives the run closes it
        return isinstance(outcome, Accepted)

    async def _settle(
        self,
        workflow: Workflow[Any, Any],
        row: Suspension,
        state: Literal["expired", "canceled"],
        data: Json,
        **how: Any,
    ) -> AnswerOutcome:
        """Close *row* without a person's answer, and let its run go on."""
        self.check_open()
        while True:
            stored = await self.load(row.run_id)
            self.own(stored.run)
            snapshot = fold(stored.entries)
            graph = await self.graph(workflow, row.run_id, snapshot)
            target = next((found for found in stored.suspensions if found.id == row.id), None)
            if target is None or target.state != "open":
                return Refused(rows=[target] if target is not None else [])
            refuse_losers([target], stored.suspensions, snapshot, graph)
            answering = Answering(
                run_id=row.run_id,
                replies=[Reply(suspension_id=row.id, data=data)],
                run_count=0,
                context={},
                at=self._clock.now(),
                state=state,
                **{"actor": None, **how},
            )
            held = why_held(workflow, graph, snapshot)
            if held is not None and state == "canceled":
                raise RunHeld(row.run_id, held.reason)
            # Nobody asks where a deadline has passed.
            asked = NOTHING_ASKED if state == "canceled" else None
            drive = self.drive(workflow, graph, stored.run, snapshot, {}, asked)
            outcome = await self._close(drive, stored, graph, [target], answering, held=held is not None)
            if isinstance(outcome, Accepted):
                await self._after(workflow, drive, outcome, {})
            elif isinstance(outcome, Missed) and answering.due is None:
                continue
            return outcome

    async def _close(
        self,
        drive: Drive,
        stored: Stored,
        graph: Graph,
        targets: Sequence[Suspension],
        answering: Answering,
        *,
        held: bool = False,
    ) -> AnswerOutcome:
        """Close *targets* as *answering* says, and rivals with them.

        The run is taken up in the same transaction where it is free, and not *held*: time passes for a held one too.
        """
        losing = {
            row.id: row for target in targets for row in rivals_of(target.path, stored.suspensions, graph)
        }
        first = targets[0]
        if losing and has_won(answering.closed(first, answering.replies[0].data)):
            answering = altered(
                answering,
                closes=[row.id for row in losing.values() if row.state == "open"],
                closes_reason=f"{show(first.path)} was answered first",
                # Nobody may have been answered, and no rival have come, since the run was looked at.
                expect=(stored.run.seq, stored.run.signals),
            )
        run = stored.run
        if not held and self.driver_of(run) is None:
            leg = drive.leg.begin("timer" if answering.state == "expired" else "resume")
            drive.journal.note(ev.RunResumed(span=leg))
            for target, reply in zip(targets, answering.replies, strict=True):
                drive.journal.note(answering.event_of(target, reply.data))
            claim = new_claim(self._owner, self._clock, run.lease.epoch if run.lease else None)
            answering = altered(answering, write=drive.first_write(claim))
        outcome = await self.store.answer(answering)
        if isinstance(outcome, Accepted) and outcome.receipt is not None:
            assert answering.write is not None
            drive.holds(outcome.receipt, stored)
            self.feed.publish(run.id, list(answering.write.entries))
            self.spawn(drive)
        return outcome

    async def _after(
        self,
        workflow: Workflow[Any, Any],
        drive: Drive,
        outcome: Accepted,
        secrets: Mapping[str, Any],
    ) -> None:
        """An answer was accepted: where the run is not driven here with it, let who drives it know."""
        if outcome.receipt is None:
            errand = Errand(secrets=secrets, leg="resume", asked=drive.leg.asked)
            await self.go_on(workflow, drive.run_id, errand)

    async def _outcome_of(
        self, workflow: Workflow[Any, Any], run_id: str, answered: Sequence[Suspension], *, wait: bool
    ) -> Snapshot:
        """What those got who gave these answers: the run when it first had ended or waited for people only after them."""
        while True:
            entries = (await self.load(run_id)).entries
            found = first_rest_after(entries, {row.id for row in answered})
            if found is not None or not wait:
                return found if found is not None else fold(entries)
            await self.settled(workflow, run_id)
