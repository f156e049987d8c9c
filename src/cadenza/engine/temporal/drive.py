"""One run, as its workflow walks it: the `Effects` of Temporal, and the loop around the walk.

Everything here is replayed: no clock but the workflow's, no user code, no order that a run of the same history would not take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ActivityError, CancelledError

from ...errors import ValueTooLarge
from ...execution.effects import Again, Call, Done, Failed, First, Outcome, Question
from ...execution.end import STOP, End
from ...execution.failure import failure_of
from ...execution.fan import Dropped
from ...execution.interpreter import Interpreter
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
from .activities import frozen, homes, questions
from .carry import carry, taken_from
from .messages import (
    ASK,
    BATCH,
    LARGEST,
    MIRROR,
    OFFER,
    STEP,
    Closure,
    event_from_json,
    kept_wish,
    outcome_from_json,
    outcome_to_json,
    size_of,
)
from .outbox import Outbox
from .rows import Rows

STATUS = SearchAttributeKey.for_keyword("CadenzaStatus")

# So many activities at once: the server refuses more than 2,000, and one answer of a worker holds 4 MB.
_AT_ONCE = 200
# A question is shown by whoever waits for the run; where they die it is shown after a second.
_LINGER = timedelta(seconds=1)
_FOREVER = timedelta(days=3650)
# For failures of workers and stores, never for those of user code: that is counted by the interpreter.
_AGAIN = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))
_KEEP = workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED


class WorkflowClock:
    """The time of the workflow, the same in each replay."""

    def now(self) -> datetime:
        """The present moment."""
        return workflow.now()

    async def sleep_until(self, when: datetime) -> None:
        """Return at *when*: a timer of Temporal."""
        if (left := (when - workflow.now()).total_seconds()) > 0:
            await workflow.sleep(left)


class RunDrive:
    """One run under way."""

    def __init__(self, given: Json) -> None:
        self.given = given
        self.run_id: str = given["run"]
        self.graph = graph_from_json(given["graph"])
        snapshot, rows = taken_from(given["state"]) if given.get("state") else (Snapshot(), {})
        self.run = snapshot
        self.rows = Rows(self.run_id, rows)
        self.outbox = Outbox(self.graph, snapshot.fingerprint, snapshot.seq)
        self.journal = Journal(snapshot, now=workflow.now, write=self._write)
        self.stop = bool(given.get("stop"))
        self.resting = False
        self.ended = False
        self.over: End | None = None
        # Set where the run goes on in another execution: what is under way ends, nothing further starts.
        self.leaving = False
        self.begin_next: Json = None
        self.waiters = 0
        self.restarts = 0
        self._ops = 0
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._calls: dict[Path, workflow.ActivityHandle[Any]] = {}
        self._offers: set[str] = set()
        self._deadlines: dict[str, asyncio.Task[None]] = {}
        self._flusher: asyncio.Task[None] | None = None
        self._lingering = False
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

    # ------------------------------------------------------------------ the loop around the walk

    async def go(self) -> Json:
        """Walk until the run has ended, or goes on in another execution: what that one is given, or None."""
        walking = asyncio.ensure_future(self._walk())
        for row in self.rows.all.values():
            self._set_deadline(row)
        while not (self.leaving and not self._ops):
            await workflow.wait_condition(
                lambda: self.over is not None or self._is_quiet() or self._must_leave()
            )
            if self.over is not None:
                break
            if self._must_leave():
                self.leaving = True
                await workflow.wait_condition(lambda: self.over is not None or not self._ops)
            else:
                await self._rest()
        if self.over is None:
            walking.cancel()
            with suppress(asyncio.CancelledError):
                await walking
        else:
            await walking
            await self._end(self.over)
        for task in self._deadlines.values():
            task.cancel()
        await self._flush_all()
        await workflow.wait_condition(lambda: workflow.all_handlers_finished())
        await self._flush_all()
        return None if self.ended and self.begin_next is None else self._next()

    async def _walk(self) -> None:
        try:
            self.over = await self._interpreter.walk()
        except Dropped:  # it was held, and is to stop
            self.over = STOP

    def _is_quiet(self) -> bool:
        return not self.resting and self._interpreter.at_rest and not self._waits.woken

    def _must_leave(self) -> bool:
        if self.leaving:
            return True
        after = self.given.get("leave_after")
        info = workflow.info()
        return info.is_continue_as_new_suggested() or (
            after is not None and info.get_current_history_length() > after
        )

    async def _rest(self) -> None:
        self.journal.note(ev.RunSuspended(until=self._waits.first_timer))
        self.resting = True
        await self.journal.commit()
        self._show_status()
        self.flush_soon()

    async def _end(self, end: End) -> None:
        self.journal.note(self._interpreter.end_of(end))
        await self.journal.commit()
        self.ended = True
        self._show_status()

    def _next(self) -> Json:
        """What the next execution is given."""
        state = carry(self.run, self.rows.all.values())
        given = {**self.given, "begin": None, "stop": self.stop, "state": state}
        given |= self.begin_next or {}
        if size_of(given) > LARGEST:
            raise ValueTooLarge(f"run {self.run_id}", size_of(given), LARGEST)
        return given

    def _show_status(self) -> None:
        if self.given.get("searchable") and self.run.status != self._shown_status:
            self._shown_status = self.run.status
            workflow.upsert_search_attributes([STATUS.value_set(self.run.status)])

    # ------------------------------------------------------------------ what others put in

    def stir(self) -> None:
        """The run is at rest no more."""
        if self.resting:
            self.resting = False
            self.journal.note(ev.RunResumed())

    def take(self, answering: Answering) -> None:
        """Rows were closed: their branches go on."""
        self.outbox.put_answer(answering)
        self.stir()
        closed = [self.rows.all[reply.suspension_id] for reply in answering.replies]
        for row in closed:
            self._drop_deadline(row.id)
        self._waits.give([row for row in closed if was_closed(row)], self.run.open)
        self._waits.wake(everybody=False)

    def cancel(self) -> None:
        """Let nothing further start."""
        self.stop = True
        self.stir()
        self._waits.wake(everybody=True)
        for call in self._calls.values():
            call.cancel()
        home = homes.get(workflow.info().task_queue)
        if home is not None and not workflow.unsafe.is_replaying():
            # The steps of this process hear of it with no way round by the server.
            home.loop.call_soon_threadsafe(home.stop, self.run_id)

    def resume_held(self) -> None:
        """Try again where today's code could not go on."""
        self.restarts += 1
        self.journal.note(ev.RunResumed())

    def remember(self, path: Path, key: str, value: Json) -> None:
        """What `once` kept."""
        self.journal.note(ev.Remembered(path=path, key=key, value=value))

    def is_offered(self, suspension_id: str) -> bool:
        """Whether a kept event is just being looked for that may close the question."""
        return suspension_id in self._offers

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

    def flush_soon(self) -> None:
        """Let the store hear of what it does not know."""
        if self._flusher is None and self.outbox:
            # Whoever waits for the rest writes it into the store before they are told; nobody else may wait for them.
            linger = self.waiters > 0 and self._interpreter.at_rest
            self._flusher = asyncio.ensure_future(self._flush_later(_LINGER if linger else None))

    async def _flush_later(self, linger: timedelta | None) -> None:
        try:
            if linger is not None:
                self._lingering = True
                await workflow.sleep(linger)
                self._lingering = False
            while self.outbox:
                await self._flush()
        except asyncio.CancelledError:
            return  # whoever hurried it has forgotten it already
        self._flusher = None

    def _hurry(self) -> None:
        """Linger no longer: what is there is taken along by somebody."""
        if self._flusher is not None and self._lingering:
            self._flusher.cancel()
            self._flusher = None
            self._lingering = False

    async def _flush(self) -> None:
        await workflow.execute_activity(
            MIRROR,
            self._message(self.outbox.take()),
            start_to_close_timeout=timedelta(minutes=5),
            retry_policy=_AGAIN,
        )

    async def _flush_all(self) -> None:
        self._hurry()
        await workflow.wait_condition(lambda: self._flusher is None)
        while self.outbox:
            await self._flush()

    def _message(self, parts: Sequence[Json], **more: Json) -> Json:
        return {
            "run": self.run_id,
            "workflow": self.given["workflow"],
            "resource": self.given["resource"],
            "parts": parts,
            "need": parts[0]["first"] - 1 if parts and "first" in parts[0] else 0,
            **more,
        }

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
        parts = await self._sendable()
        message = self._message(parts, path=list(call.path), need=self.outbox.seq)
        heartbeat = timedelta(seconds=self.given["heartbeat"])
        handle: workflow.ActivityHandle[Any] = workflow.start_activity(
            STEP,
            message,
            start_to_close_timeout=_FOREVER,
            heartbeat_timeout=heartbeat,
            retry_policy=_AGAIN,
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

    async def _sendable(self) -> Sequence[Json]:
        """The parts that a call takes along; what is too much for it goes before."""
        self._hurry()
        parts = self.outbox.take()
        while self.outbox or size_of(parts) > BATCH * 3:
            await workflow.execute_activity(
                MIRROR,
                self._message(parts),
                start_to_close_timeout=timedelta(minutes=5),
                retry_policy=_AGAIN,
            )
            parts = self.outbox.take()
        return parts

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
        asked = Question(
            scope=question.scope,
            path=question.path,
            names=question.names,
            input=question.input,
            iteration=question.iteration,
            run=frozen(question.run),
        )
        found = await self._ask("evaluate", asked)
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
                    args=[key, self._message(())],
                    start_to_close_timeout=timedelta(days=1),
                    retry_policy=_AGAIN,
                )
            )
        finally:
            questions.pop(key, None)

    async def question(self, node: WaitForEvent, path: Path, match: Json) -> ev.Suspension:
        """A new suspension that waits for the event of *node*."""
        schema, type_name, tells, id_ = await self._ask("event", (path, node.event))
        now = workflow.now()
        deadline = None if node.timeout is None else now + timedelta(seconds=node.timeout)
        return ev.Suspension(
            id=id_,
            run_id=self.run_id,
            workflow=self.given["workflow"],
            path=path,
            opened_at=now,
            event=node.event,
            match=match,
            resume_schema=schema,
            answer_type=type_name,
            deadline=deadline,
            due_at=now if tells else deadline,
            on_timeout=None if deadline is None else ev.OnTimeout(do="fail"),
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
        message = self._message(
            await self._sendable(), need=self.outbox.seq, suspension=suspension_to_json(suspension)
        )
        return await workflow.execute_activity(
            OFFER, message, start_to_close_timeout=timedelta(minutes=5), retry_policy=_AGAIN
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
