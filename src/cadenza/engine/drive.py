"""Drive: one run under way in this process: its `Effects`, and the loop around the walk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from ..clock import Clock
from ..errors import AppClosed, CadenzaError, RunHeld
from ..execution.effects import Again, Call, Done, Failed, First, Outcome, Question
from ..execution.failure import pause_after
from ..execution.fan import Dropped
from ..execution.interpreter import Interpreter
from ..execution.run_once import new_id
from ..execution.terms import question_for_event
from ..execution.tracing_context import TracingContext
from ..execution.world import AbortSignal
from ..history import event as ev
from ..history.journal import Batch, Journal
from ..history.snapshot import Snapshot
from ..model.graph import Graph, WaitForEvent
from ..model.path import Path
from ..model.values import Json
from ..model.workflow import Durability, Workflow
from ..store.base import Claim, Receipt, RunRow, Store, Stored, Write
from ..tracing.leg import Leg
from .code import UserCode
from .events import take_kept_event
from .feed import Feed
from .waits import Waits
from .writes import Writes


class Drive:
    """The holder of a run's lease, from taking it to giving it back.

    It has at most 30 attributes: Python gives each object with more a dict of its own, which costs as much as all the rest.
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        workflow: Workflow[Any, Any],
        graph: Graph,
        run: RunRow,
        snapshot: Snapshot,
        secret_keys: frozenset[str],
        secrets: Mapping[str, Any],
        leg: Leg,
        durability: Durability,
        feed: Feed,
        tell_due: Callable[[], None],
        tells_of_questions: bool,
        value_limit: int,
    ) -> None:
        self.run_id = run.id
        self.workflow_id = run.workflow
        self.resource_id = run.resource
        self.secret_keys = secret_keys
        self.secrets: dict[str, Any] = dict(secrets)
        self.leg = leg
        self.signal = AbortSignal()
        self.loop = asyncio.get_running_loop()
        self.snapshot = snapshot
        eager = durability == "sync"
        self.journal = Journal(snapshot, now=clock.now, write=self._write, eager=eager, tell=leg.tell)
        self.finished, self._begun = asyncio.Event(), asyncio.Event()
        self.signals = 0
        self._epoch = 0
        self._writes = Writes(run, graph, clock)
        self._store, self._clock = store, clock
        self.workflow = workflow
        self._code = UserCode(workflow, self, clock, leg)
        self._feed = feed
        self._tell_due = tell_due
        self.tells_of_questions, self.value_limit = tells_of_questions, value_limit
        self._waits = Waits(self.loop, clock)
        self._released = False
        self._gate = asyncio.Lock()
        self._resting: asyncio.Task[None] | None = None
        self.task: asyncio.Task[None] | None = None
        self._interpreter = Interpreter(graph, self.journal, self)
        self.error: BaseException | None = None

    # ------------------------------------------------------------------ taking and giving back

    def claim_with(self, claim: Claim) -> None:
        """Take the lease with the first write."""
        self._writes.claim = claim

    def holds(self, receipt: Receipt, seen: Stored) -> None:
        """The lease was taken by another call, whose *receipt* this is, and what is noted written with it.

        Of what others have put in, only what was *seen* is known: there may be more by the time of the receipt.
        """
        self.journal.written()
        self._epoch = receipt.epoch
        self._begun.set()
        self._see(seen)
        if receipt.cancel_requested:
            self.signal.set()

    @property
    def holding(self) -> bool:
        """Whether the lease is held now."""
        return bool(self._epoch) and not self.finished.is_set()

    @property
    def held(self) -> bool:
        """Whether the lease was ever held."""
        return bool(self._epoch)

    @property
    def busy(self) -> bool:
        """Whether it goes on without anybody: all that it may wait for is the end of a short pause."""
        if self.finished.is_set() or self.pause is None:
            return not self.finished.is_set()
        return self._code.running > 0 or self.journal.writing

    @property
    def pause(self) -> datetime | None:
        """Until when the walk is held over a short pause, or None."""
        if self.finished.is_set() or self._interpreter.at_rest:
            return None
        return self._waits.first_timer

    async def durable(self) -> None:
        """Return when what this drive began with is durable, or has failed."""
        await self._begun.wait()

    def finish(self) -> None:
        """Tell whoever waits that nothing more comes."""
        self.finished.set()
        self._begun.set()

    def first_write(self, claim: Claim) -> Write:
        """What is noted so far, as a write that takes the lease."""
        self.claim_with(claim)
        return self._as_write(self.journal.take(), release=False)

    async def go(self) -> None:
        """Walk until the run has ended or is at rest, then give the lease back. Always ends with `finished` set.

        Raises `RunConflict` where the lease is lost; what was noted is not written then.
        """
        try:
            end = await self._interpreter.walk()
            # What was put in until the end is durable counts: who was told that the run is to stop was told the truth.
            while not await self.journal.end(self._interpreter.end_of(end), self._write_end):
                await self.absorb()
            self._released = True
        except Dropped:
            pass
        except RunHeld as held:
            if self.canceled:  # what is to stop needs no code
                await self._leave(ev.RunCanceled())
            else:
                self.error = held
                await self._leave(ev.RunHeld(reason=held.reason))
                raise
        except BaseException as error:
            # Who waits for the run is not canceled when the app that drives it is closed.
            self.error = AppClosed() if isinstance(error, asyncio.CancelledError) else error
            if self._resting is not None:
                self._resting.cancel()
            await self._give_up()
            raise
        finally:
            self.finish()
            # They hold one another: without this each run would wait for the cycle collector.
            del self._interpreter, self.journal, self._code

    async def hold(self, event: ev.RunHeld) -> None:
        """Instead of going on: write that the run is held, and give the lease back."""
        self.error = RunHeld(self.run_id, event.reason)
        try:
            await self._leave(event)
        finally:
            self.finish()

    async def _leave(self, event: ev.RunHeld | ev.RunCanceled) -> None:
        if self._released:
            return
        self.journal.note(event)
        receipt = await self.journal.commit_by(self._write_last)
        if not receipt.released:
            await self._store.release(self.run_id, self._epoch)
        self._released = True

    def at_rest(self) -> None:
        """No branch moves: settle, once the one that stopped last has said what it waits for."""
        self.loop.call_soon(self._come_to_rest)

    def _come_to_rest(self) -> None:
        if self._is_quiet() and (self._resting is None or self._resting.done()):
            self._resting = self.loop.create_task(self._rest())

    def _is_quiet(self) -> bool:
        over = self._released or self.finished.is_set()
        return not over and self._interpreter.at_rest and not self._waits.woken

    async def _rest(self) -> None:
        """Make the rest durable and give the lease back, or take in what came meanwhile and go on."""
        try:
            # Nobody moves while the rest is written: a branch that is woken now waits at the gate.
            async with self._gate:
                # The commit that is under way may bring what somebody waits for: it is looked only then.
                await self.journal.settled()
                while self._is_quiet():
                    self.journal.note(ev.RunSuspended(until=self._waits.first_timer))
                    receipt = await self.journal.commit_by(self._write_last)
                    self._released = receipt.released
                    if not receipt.released:
                        await self.absorb()
                        self.journal.note(ev.RunResumed())
        except Exception as error:
            self.error = error
        self._wake()

    async def _pass_gate(self) -> None:
        """Go on from where a branch has waited: it has been woken, and counts as such until it is through.

        Raises `Dropped` where the lease was given back meanwhile, or what failed when it should have been.
        """
        async with self._gate:
            if self.error is not None:
                raise self.error
            if self._released:
                raise Dropped

    async def _write_last(self, batch: Batch) -> Receipt:
        receipt = await self._store.append(self._as_write(batch, release=True))
        self._take_in(receipt, batch)
        return receipt

    async def _write_end(self, batch: Batch) -> bool:
        write = self._as_write(batch, release=True, heed=True)
        receipt = await self._store.append(write)
        if receipt.made:
            self._take_in(receipt, batch)
        return receipt.made

    def abandon(self) -> None:
        """Play the death of the process: nothing more is written, and the lease is not given back."""
        self._released = True

    async def _give_up(self) -> None:
        if self._epoch and not self._released:
            with suppress(CadenzaError):
                await self._store.release(self.run_id, self._epoch)

    # ------------------------------------------------------------------ writing

    async def _write(self, batch: Batch) -> None:
        receipt = await self._store.append(self._as_write(batch, release=False))
        self._take_in(receipt, batch)
        if receipt.signals > self.signals:
            await self.absorb()

    def _as_write(self, batch: Batch, *, release: bool, heed: bool = False) -> Write:
        return self._writes.of(
            batch, self.snapshot, epoch=self._epoch, signals=self.signals, release=release, heed=heed
        )

    def _take_in(self, receipt: Receipt, batch: Batch) -> None:
        self._epoch = receipt.epoch
        self._begun.set()
        if receipt.cancel_requested and not self.signal.aborted:
            self.stop()
        self._feed.publish(self.run_id, batch.entries)
        if batch.opened and any(row.due_at is not None for row in batch.opened):
            self._tell_due()

    async def absorb(self) -> None:
        """Take in what others have put in, answers and the wish to stop; who waited for that goes on."""
        stored = await self._store.load(self.run_id)
        if stored is None:
            return
        self._see(stored)
        self._wake()

    def _see(self, stored: Stored) -> None:
        # Of two looks at once the later one may come first.
        self.signals = max(self.signals, stored.run.signals)
        self._waits.give(stored.suspensions, self.snapshot.open)
        if stored.run.cancel_requested:
            self.signal.set()

    def _wake(self) -> None:
        """Let those go on who have what they waited for; all of them, where the walk is over."""
        over = self._released or self.error is not None or self.signal.aborted
        self._waits.wake(everybody=over)

    async def poke(self) -> bool:
        """Somebody has put something in: look at once. False where the lease is given back already."""
        # Behind the gate: while the rest is written it is open whether this drive will still see it.
        async with self._gate:
            if self._released or self.error is not None or self.finished.is_set():
                return False
            await self.absorb()
        return True

    def stop(self) -> None:
        """Let nothing further start."""
        self.signal.set()
        self._wake()

    # ------------------------------------------------------------------ Effects

    @property
    def canceled(self) -> bool:
        """Whether the run is to stop."""
        return self.signal.aborted

    def now(self) -> datetime:
        """The present moment."""
        return self._clock.now()

    async def execute(self, call: Call) -> Outcome | Again:
        """One attempt of a step."""
        code = self._code.find(call.path)
        outcome = await self._code.attempt(call, code)
        if not isinstance(outcome, Failed) or self.canceled:
            return outcome
        attempt = call.record.attempt + 1
        pause = pause_after(outcome.error, code.retry, attempt)
        if pause is None:
            return outcome
        return Again(error=outcome.error, attempt=attempt, until=self.now() + pause)

    async def enter(self, path: Path, value: Json, run: Snapshot) -> Done | Failed:
        """*value* as the input type of the nested workflow at *path* reads it."""
        return await self._code.enter(path, value)

    async def evaluate(self, question: Question) -> list[Json] | ev.Failure:
        """What the functions gave, as JSON, in order; or the first failure."""
        return await self._code.evaluate(question)

    async def question(self, node: WaitForEvent, path: Path, match: Json) -> ev.Suspension:
        """A new suspension that waits for the event of *node*."""
        return question_for_event(
            node,
            path,
            match,
            self.now(),
            id_=new_id(),
            run_id=self.run_id,
            workflow=self.workflow_id,
            brings=self._code.event_schema(path, node.event),
            tell=self.tells_of_questions,
        )

    async def offer(self, suspension: ev.Suspension) -> None:
        """Give *suspension* the oldest event that was kept and fits."""
        if await take_kept_event(self._store, self.workflow, suspension, self.now()):
            await self.absorb()

    def known_answer(self, suspension: ev.Suspension) -> ev.Suspension | None:
        """The row of *suspension* if it is closed already."""
        return self._waits.known_answer(suspension)

    async def answered(self, suspension: ev.Suspension, first: First) -> ev.Suspension | None:
        """The row, when it is closed; None when the place is to stop."""
        return await self._waits.park(suspension, first, self._pass_gate)

    async def sleep_until(self, when: datetime, path: Path, first: First) -> None:
        """Return at *when*, when the run is to stop, or when *path* is given up."""
        if when > self.now() and not self.canceled:
            await self._waits.sleep(when, path, first, self._pass_gate)

    def give_up(self, path: Path) -> None:
        """Let what waits or sleeps at and below *path* go on at once."""
        self._waits.give_up(path)

    # ------------------------------------------------------------------ World

    def tracing(self, path: Path) -> TracingContext:
        """The span that the step at *path* runs in."""
        return self.leg.context(path)

    async def remember(self, path: Path, key: str, value: Json) -> None:
        """Keep what `once` got; durable on return."""
        self.journal.note(ev.Remembered(path=path, key=key, value=value))
        await self.journal.commit()

    def abort(self) -> None:
        """Cancel the run."""
        self.stop()

    def emit(self, path: Path, chunk: Json) -> None:
        """Show a chunk of a step's own to those who watch."""
        self._feed.show(self.run_id, path, chunk)
