"""Acting: the `Effects` of one run on Temporal.

Everything here is replayed: no clock but the workflow's, no user code, no order that a run of the same history would not take.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, CancelledError

from ...execution.effects import Again, Call, Done, Failed, First, Outcome, Question
from ...execution.end import End
from ...execution.failure import failure_of
from ...execution.fan import Dropped
from ...execution.interpreter import Interpreter
from ...execution.terms import question_for_event
from ...history import event as ev
from ...history.closing import was_closed
from ...history.codec import failure_from_json, suspension_to_json
from ...history.journal import Batch, Journal
from ...history.snapshot import Snapshot
from ...model.graph import WaitForEvent
from ...model.graph import from_json as graph_from_json
from ...model.path import Path, show
from ...model.values import Json
from ...store.base import Answering
from ..waits import Waits
from .activities import frozen, questions
from .carry import taken_from
from .messages import (
    ASK,
    OFFER,
    STEP,
    Closure,
    event_from_json,
    kept_wish,
    outcome_from_json,
    outcome_to_json,
)
from .outbox import Outbox
from .rows import Rows
from .sending import AGAIN, Sending, WorkflowClock

# So many activities at once: the server refuses more than 2,000, and one answer of a worker holds 4 MB.
_AT_ONCE = 200
_FOREVER = timedelta(days=3650)
_KEEP = workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED


class Acting(Sending):
    """One run under way: what is known of it, and what its interpreter may ask."""

    def __init__(self, given: Json) -> None:
        self.graph = graph_from_json(given["graph"])
        snapshot, rows = taken_from(given["state"]) if given.get("state") else (Snapshot(), {})
        self.run = snapshot
        self.rows = Rows(given["run"], rows)
        super().__init__(given, Outbox(self.graph, snapshot.fingerprint, snapshot.seq))
        self.journal = Journal(snapshot, now=workflow.now, write=self._write)
        self.stop = bool(given.get("stop"))
        self.resting = False
        self.ended = False
        self.over: End | None = None
        # Set where the run goes on in another execution: what is under way ends, nothing further starts.
        self.leaving = False
        self.begin_next: Json = None
        self.restarts = 0
        self._ops = 0
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._calls: dict[Path, workflow.ActivityHandle[Any]] = {}
        self._offers: set[str] = set()
        self._deadlines: dict[str, asyncio.Task[None]] = {}
        self._asked = 0
        self._shown_status = ""
        self._waits = Waits(asyncio.get_event_loop(), WorkflowClock())
        self._waits.give(self.rows.all.values(), snapshot.open)
        self._interpreter = Interpreter(self.graph, self.journal, self)
        if given.get("begin"):
            self.journal.note(event_from_json(given["begin"]))
        elif snapshot.status in {"suspended", "waiting"}:
            self.resting = True
            if snapshot.wake_at is not None and snapshot.wake_at <= workflow.now():
                self.stir()

    @property
    def moving(self) -> bool:
        """Whether steps are under way."""
        return self._ops > 0

    @property
    def settled(self) -> bool:
        """Whether those who wait for the run are to be told: it ended, waits for people only, is held, or goes on elsewhere."""
        at_rest = self.resting and self.run.wake_at is None
        return self.ended or at_rest or self.run.status == "held" or self.leaving

    # ------------------------------------------------------------------ what others put in

    def stir(self, span: ev.SpanRef | None = None) -> None:
        """The run is at rest no more; *span* is that of who stirred it."""
        if self.resting:
            self.resting = False
            self.journal.note(ev.RunResumed(span=span))

    def take(self, answering: Answering, span: ev.SpanRef | None = None) -> None:
        """Rows were closed: their branches go on."""
        self.outbox.put_answer(answering)
        self.stir(span)
        closed = [self.rows.all[reply.suspension_id] for reply in answering.replies]
        for row in closed:
            self._drop_deadline(row.id)
        self._waits.give([row for row in closed if was_closed(row)], self.run.open)
        self._waits.wake(everybody=False)

    # ------------------------------------------------------------------ deadlines

    def extended(self, row: ev.Suspension) -> None:
        """The deadline of *row* was moved."""
        self._drop_deadline(row.id)
        self._set_deadline(row)

    def _set_deadline(self, row: ev.Suspension) -> None:
        if row.state == "open" and row.deadline is not None and row.on_timeout is not None:
            self._deadlines[row.id] = asyncio.ensure_future(self._expire(row.id, row.deadline))

    def _drop_deadline(self, suspension_id: str) -> None:
        if (task := self._deadlines.pop(suspension_id, None)) is not None:
            task.cancel()

    async def _expire(self, suspension_id: str, deadline: datetime) -> None:
        await WorkflowClock().sleep_until(deadline)
        self._deadlines.pop(suspension_id, None)
        if self.leaving or self.over is not None:
            return  # the next execution sees that it has passed
        closure = Closure(suspension_id=suspension_id, state="expired", via="deadline")
        answering = self.rows.close(closure, self.graph, workflow.now())
        if answering is not None:
            self.take(answering)

    # ------------------------------------------------------------------ the mirror

    @property
    def lingers(self) -> bool:
        """Whether somebody waits for the run to rest, and it does."""
        return self.waiters > 0 and self._interpreter.at_rest

    async def _write(self, batch: Batch) -> None:
        """Durable is what Temporal's history leads to; the store hears of it with the next call, or by a flush."""
        self.outbox.put(batch, self.run)
        self.rows.follow(batch, workflow.now())
        for id_, _ in batch.closed:
            self._drop_deadline(id_)
        for row in batch.opened:
            self._set_deadline(row)
        if batch.opened and not self._interpreter.at_rest:
            self.flush_soon()

    # ------------------------------------------------------------------ Effects

    @property
    def canceled(self) -> bool:
        """Whether the run is to stop."""
        return self.stop

    def now(self) -> datetime:
        """The present moment."""
        return workflow.now()

    async def execute(self, call: Call) -> Outcome | Again:
        """One attempt of a step, in an activity."""
        found = await self._held(lambda: self._call(call))
        outcome = outcome_from_json(found, workflow.now())
        if isinstance(outcome, Again) and self.stop:
            return Failed(error=outcome.error)
        return outcome

    async def _call(self, call: Call) -> Json:
        parts = await self.sendable()
        message = self.message(parts, path=list(call.path), need=self.outbox.seq)
        heartbeat = timedelta(seconds=self.given["heartbeat"])
        handle: workflow.ActivityHandle[Any] = workflow.start_activity(
            STEP,
            message,
            start_to_close_timeout=_FOREVER,
            heartbeat_timeout=heartbeat,
            retry_policy=AGAIN,
            cancellation_type=_KEEP,
            summary=show(call.path),
        )
        self._calls[call.path] = handle
        try:
            return await handle
        except ActivityError as error:
            if isinstance(error.cause, CancelledError):  # the run was to stop before any worker had begun
                return outcome_to_json(Failed(error=failure_of(error.cause)))
            return {"held": str(error.cause or error)}
        finally:
            del self._calls[call.path]

    async def _held(self, call: Any) -> Json:
        """What *call* gives; where today's code cannot go on, again when somebody restarts the run."""
        while True:
            async with self._gate:
                await workflow.wait_condition(lambda: not self.leaving)
                self._ops += 1
                try:
                    found = await call()
                finally:
                    self._ops -= 1
            if not (isinstance(found, dict) and "held" in found):
                return found
            restarts = self.restarts
            self.journal.note(ev.RunHeld(reason=found["held"]))
            await self.journal.commit()
            self.flush_soon()
            await workflow.wait_condition(lambda seen=restarts: self.restarts > seen or self.stop)  # type: ignore[misc]
            if self.stop:
                raise Dropped

    async def enter(self, path: Path, value: Json, run: Snapshot) -> Done | Failed:
        """*value* as the input type of the nested workflow at *path* reads it."""
        outcome = outcome_from_json(await self._ask("enter", (path, value)), workflow.now())
        assert isinstance(outcome, Done | Failed)
        return outcome

    async def evaluate(self, question: Question) -> list[Json] | ev.Failure:
        """What the functions gave, as JSON, in order; or the first failure."""
        found = await self._ask("evaluate", replace(question, run=frozen(question.run)))
        values: list[Json] = found.get("values", [])
        return failure_from_json(found["failure"]) if "failure" in found else values

    async def _ask(self, kind: str, asked: Any) -> Json:
        """Ask today's code, in a local activity: it is given what is in this process, which costs no message."""
        self._asked += 1
        key = f"{workflow.info().run_id}:{self._asked}"
        questions[key] = (kind, asked)
        try:
            return await self._held(
                lambda: workflow.execute_local_activity(
                    ASK,
                    args=[key, self.message(())],
                    start_to_close_timeout=timedelta(days=1),
                    retry_policy=AGAIN,
                )
            )
        finally:
            questions.pop(key, None)

    async def question(self, node: WaitForEvent, path: Path, match: Json) -> ev.Suspension:
        """A new suspension that waits for the event of *node*."""
        schema, type_name, tells, id_ = await self._ask("event", (path, node.event))
        return question_for_event(
            node,
            path,
            match,
            workflow.now(),
            id_=id_,
            run_id=self.run_id,
            workflow=self.given["workflow"],
            brings=(schema, type_name),
            tell=tells,
        )

    async def offer(self, suspension: ev.Suspension) -> None:
        """Give *suspension* the oldest event that was kept and fits."""
        self._offers.add(suspension.id)
        try:
            found = await self._held(lambda: self._offer(suspension))
        finally:
            self._offers.discard(suspension.id)
        row = self.rows.all[suspension.id]
        if found is not None and row.state == "open":
            wish = kept_wish(suspension.id, found)
            self.take(self.rows.answer([row], wish, {row.id: found["data"]}, self.graph, workflow.now()))

    async def _offer(self, suspension: ev.Suspension) -> Json:
        message = self.message(
            await self.sendable(), need=self.outbox.seq, suspension=suspension_to_json(suspension)
        )
        return await workflow.execute_activity(
            OFFER, message, start_to_close_timeout=timedelta(minutes=5), retry_policy=AGAIN
        )

    def known_answer(self, suspension: ev.Suspension) -> ev.Suspension | None:
        """The row of *suspension* if it is closed already."""
        return self._waits.known_answer(suspension)

    async def answered(self, suspension: ev.Suspension, first: First) -> ev.Suspension | None:
        """The row, when it is closed; None when the place is to stop."""
        return await self._waits.park(suspension, first)

    async def sleep_until(self, when: datetime, path: Path, first: First) -> None:
        """Return at *when*, when the run is to stop, or when *path* is given up."""
        if when > workflow.now() and not self.stop:
            await self._waits.sleep(when, path, first)
            self.stir()

    def give_up(self, path: Path) -> None:
        """Let what waits or sleeps at and below *path* go on at once."""
        self._waits.give_up(path)

    def at_rest(self) -> None:
        """No branch moves: the loop around the walk sees that, once the one that stopped last has said what it waits for."""
