"""Walking a graph: the one place that knows what happens next.

Rule 1: everything that decides the order of a run must live here, in `block.py`, `foreach.py`, `pause.py` and `fan.py`.
Rule 2: nothing here acts; whatever touches the world goes through `Effects`.

There is no program counter. Each leg walks the graph from the top; what the journal knows is not done again. So first
run, resume, recovery after a crash, restart, time travel and moving to another engine are one mechanism.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any

from ..errors import InvalidMapPath, InvalidStepInput, Issue
from ..history import event as ev
from ..history.closing import closing
from ..history.journal import Journal
from ..history.record import StepRecord
from ..model.graph import (
    Branch,
    Foreach,
    Graph,
    Loop,
    Map,
    Nested,
    Node,
    Parallel,
    Single,
    Sleep,
    SleepUntil,
    WaitForEvent,
)
from ..model.mapping import FromFunction
from ..model.path import ROOT, Path, show
from ..model.values import Json
from .block import Race, branch, parallel
from .effects import Again, Bailed, Call, Done, Effects, Failed, Question, Suspended
from .end import STOP, Bail, End, Fail, Flow, Stop, worst
from .failure import failure_of, pause_after
from .fan import Root, Token
from .foreach import Items
from .mapping import map_values
from .pause import sleep, wait_for_event

# A pause before a retry that is longer lets the run rest: no task and no memory are held for it.
_SHORT = timedelta(seconds=2)


class Interpreter:
    """One walk over one run."""

    __slots__ = ("_graph", "_token", "effects", "journal", "races", "run")

    def __init__(self, graph: Graph, journal: Journal, effects: Effects) -> None:
        self._graph = graph
        self.journal = journal
        self.effects = effects
        self.run = journal.snapshot
        # The blocks under way in which the first answer wins, outermost first.
        self.races: list[Race] = []
        self._token = Token(Root(effects.at_rest))

    @property
    def at_rest(self) -> bool:
        """Whether no branch moves now."""
        return self._token.motion != "moving"

    def walk(self) -> Coroutine[Any, Any, End]:
        """Go on until the run has ended; how, for the caller to note and make durable (`end_of`).

        Where the run comes to rest (`at_rest`) the effects may drop the walk, by raising `Dropped` where it waits.
        """
        flow = Flow(self.run.input, ev.Ref(of="input", path=ROOT))
        return self._workflow(self._graph, ROOT, flow, self._token)

    def end_of(self, end: End) -> ev.RunSucceeded | ev.RunFailed | ev.RunCanceled:
        """The event that ends the run: a wish to stop that has come until now counts."""
        if self.effects.canceled or isinstance(end, Stop):
            return ev.RunCanceled()
        return ev.RunFailed(error=end.error) if isinstance(end, Fail) else ev.RunSucceeded(result=end.given)

    # ------------------------------------------------------------------ nodes

    async def _workflow(self, graph: Graph, scope: Path, flow: Flow, token: Token) -> End:
        for node in graph.nodes:
            end = (
                await self._single((*scope, node.id), flow, token)
                if type(node) is Single
                else await self._node(node, scope, flow, token)
            )
            if type(end) is not Flow:
                return end
            flow = end
        return flow

    async def _node(self, node: Node, scope: Path, flow: Flow, token: Token) -> End:
        match node:
            case Single() | Nested():
                return await self.body(node, (*scope, node.id), flow, token)
            case Parallel():
                return await parallel(self, node, scope, flow, token)
            case Branch():
                return await branch(self, node, scope, flow, token)
            case Loop():
                return await self._loop(node, scope, flow, token)
            case Foreach():
                return await self._foreach(node, scope, flow, token)
            case Map():
                return await self._map(node, scope, flow)
            case Sleep() | SleepUntil():
                return await sleep(self, node, scope, flow, token)
            case WaitForEvent():
                return await wait_for_event(self, node, scope, flow, token)

    async def body(self, body: Single | Nested, path: Path, flow: Flow, token: Token) -> End:
        """Walk a step or a nested workflow at *path*."""
        if isinstance(body, Nested):
            return await self._nested(body, path, flow, token)
        return await self._single(path, flow, token)

    def begin(self, path: Path, flow: Flow) -> StepRecord | Flow | Stop:
        """The record of the place at *path*, which is started if it is new."""
        record = self.run.records.get(path)
        if record is not None:
            return record
        if path in self.run.skipped:
            return Flow(None, None)
        if self.stopped(path):
            return STOP
        return self._start(path, self.run.inputs.get(path, flow.given))

    def _start(self, path: Path, given: ev.Given) -> StepRecord:
        self.journal.note(ev.StepStarted(path=path, input=given))
        return self.run.records[path]

    def ended(self, record: StepRecord) -> End:
        """How the place of *record* ended."""
        if record.error is not None and record.status == "failed":
            return Fail(record.error)
        if record.status == "canceled":
            return STOP
        ref = ev.Ref(of="output", path=record.path)
        return Bail(record.output, ref) if record.bailed else Flow(record.output, ref)

    def end(self, event: ev.StepSucceeded | ev.StepBailed | ev.StepFailed) -> End:
        """Note the end of a place."""
        self.journal.note(event)
        return self.ended(self.run.records[event.path])

    async def _single(self, path: Path, flow: Flow, token: Token) -> End:
        record = self.begin(path, flow)
        if not isinstance(record, StepRecord):
            return record
        while not record.ended:
            if record.status == "suspended":
                if not await self.park(record, token):
                    return STOP
                continue  # answered, or over
            if record.retry_at is not None:
                await self._pause(path, record.retry_at, token)
            # Commit before the call: a crash in between repeats the step, and never loses what led to it.
            await self.journal.commit()
            if self.stopped(path):  # the commit, or the pause, has brought the news
                return self._give_up(record)
            self._conclude(path, await self.effects.execute(Call(path, record, self.run)))
        return self.ended(record)

    def _give_up(self, record: StepRecord) -> End:
        # A step that was to be tried again has failed all the same.
        if record.error is not None and record.retry_at is not None:
            self.end(ev.StepFailed(path=record.path, error=record.error))
        return STOP

    def _conclude(self, path: Path, outcome: Done | Bailed | Suspended | Failed | Again) -> None:
        match outcome:
            case Done(output=output, patch=patch, read=read):
                self.journal.note(ev.StepSucceeded(path=path, output=output, patch=patch, read=read))
            case Suspended(suspension=suspension, patch=patch, read=read):
                self.journal.note(ev.StepSuspended(path=path, suspension=suspension, patch=patch, read=read))
            case Bailed(output=output, patch=patch, read=read):
                self.journal.note(ev.StepBailed(path=path, output=output, patch=patch, read=read))
            case Failed(error=error, read=read):
                self.journal.note(ev.StepFailed(path=path, error=error, read=read))
            case Again(error=error, attempt=attempt, until=until):
                self.journal.note(ev.StepRetried(path=path, attempt=attempt, error=error, until=until))

    async def park(self, record: StepRecord, token: Token) -> bool:
        """Wait until the suspension of *record* is closed, and note what follows; False when the place is to stop instead."""
        suspension = record.suspension
        assert suspension is not None
        path = record.path
        row = self.effects.known_answer(suspension)
        if row is None and suspension.event is not None:
            # First open to events, then a look at those that were kept: none can slip through between the two.
            await self.journal.commit()
            await self.effects.offer(suspension)
            row = self.effects.known_answer(suspension)
        if row is None:
            if self.stopped(path):
                return False
            token.become("waiting")
            row = await self.effects.answered(suspension, self._before_waiting())
            token.become("moving")
            if row is None:
                return False
        followed = closing(row)
        self.journal.note(followed)
        if isinstance(followed, ev.StepAnswered):
            for race in [race for race in self.races if race.concerns(path)]:
                race.won_at(path)
        return True

    def stopped(self, path: Path) -> bool:
        """Whether nothing further is to start at *path*: the run is to stop, or its branch has lost."""
        return self.effects.canceled or (bool(self.races) and any(race.has_lost(path) for race in self.races))

    # ------------------------------------------------------------------ nested workflows

    async def _nested(self, node: Nested, path: Path, flow: Flow, token: Token) -> End:
        record = self.begin(path, flow)
        if not isinstance(record, StepRecord):
            return record
        if not record.ended and not any((*path, id_) in self.run.records for id_ in node.graph.places):
            record = await self._enter(record)
        while not record.ended:
            if record.retry_at is not None:
                await self._pause(path, record.retry_at, token)
                if self.stopped(path):
                    return self._give_up(record)
            inner = Flow(record.payload, ev.Ref(of="input", path=path))
            end = await self._workflow(node.graph, path, inner, token)
            if isinstance(end, Stop):
                return STOP
            if not isinstance(end, Fail):
                return self.end(ev.StepSucceeded(path=path, output=end.given))
            attempt = record.attempt + 1
            pause = pause_after(end.error, node.retry, attempt)
            if pause is None:
                return self.end(ev.StepFailed(path=path, error=end.error))
            until = self.effects.now() + pause
            self.journal.note(ev.StepRetried(path=path, attempt=attempt, error=end.error, until=until))
        return self.ended(record)

    async def _enter(self, record: StepRecord) -> StepRecord:
        """See that the nested workflow takes its input; where its type reads it as something else, that is its input."""
        entered = await self.effects.enter(record.path, record.payload, self.run)
        if isinstance(entered, Failed):
            self.journal.note(ev.StepFailed(path=record.path, error=entered.error))
        elif entered.read:
            return self._start(record.path, entered.read[0])
        return record

    # ------------------------------------------------------------------ loops and foreach

    async def _loop(self, node: Loop, scope: Path, flow: Flow, token: Token) -> End:
        place = (*scope, node.id)
        if place in self.run.skipped:
            return Flow(None, None)
        # The rounds before the last one are over, and the journal's records of them may be gone.
        number = self.run.rounds.get(place, 0)
        if number == 0 and place in self.run.inputs:
            flow = Flow(self.run.inputs[place], self.run.inputs[place])
        if number and (*place, number) not in self.run.records:  # forgotten by a time travel to this round
            before = self.run.records.get((*place, number - 1))
            flow = Flow(before.output, ev.Ref(of="output", path=before.path)) if before is not None else flow
        while True:
            path = (*place, number)
            end = await self.body(node.body, path, flow, token)
            if not isinstance(end, Flow):
                return end
            verdict = self.run.verdicts.get(path)
            if verdict is None:
                if self.stopped(path):
                    return STOP
                found = await self.ask(scope, path, [node.condition], end.value, iteration=number + 1)
                if isinstance(found, ev.Failure):
                    return Fail(found)
                verdict = bool(found[0])
                self.journal.note(ev.Evaluated(path=path, verdict=verdict))
            if verdict == node.until:
                return end
            flow = end
            number += 1

    async def _foreach(self, node: Foreach, scope: Path, flow: Flow, token: Token) -> End:
        path = (*scope, node.id)
        record = self.begin(path, flow)
        if not isinstance(record, StepRecord):
            return record
        if record.ended:
            return self.ended(record)
        if not isinstance(record.payload, list):
            invalid = InvalidStepInput(
                f"foreach {show(path)}", [Issue(path="", message="Input should be a list")]
            )
            return self.end(ev.StepFailed(path=path, error=failure_of(invalid)))
        ends = await Items(self, node, record.payload, path, token).run()
        broken = worst(ends)
        match broken:
            case Fail(error=error):
                return self.end(ev.StepFailed(path=path, error=error))
            case Bail(given=given):
                return self.end(ev.StepBailed(path=path, output=given))
            case Stop():
                return STOP
            case None:
                output = ev.Ref(of="list", path=path, index=len(record.payload))
                return self.end(ev.StepSucceeded(path=path, output=output))

    # ------------------------------------------------------------------ maps and sleeps

    async def _map(self, node: Map, scope: Path, flow: Flow) -> End:
        path = (*scope, node.id)
        record = self.begin(path, flow)
        if not isinstance(record, StepRecord):
            return record
        if record.ended:
            return self.ended(record)
        if node.fn is not None:
            names = [node.fn]
        else:
            names = [source.fn for _, source in node.sources if isinstance(source, FromFunction)]
        called: list[Json] = []
        if names:
            found = await self.ask(scope, path, names, record.payload)
            if isinstance(found, ev.Failure):
                return self.end(ev.StepFailed(path=path, error=found))
            called = found
        try:
            output = called[0] if node.fn is not None else map_values(node.sources, called, self.run, scope)
        except InvalidMapPath as error:
            return self.end(ev.StepFailed(path=path, error=failure_of(error)))
        return self.end(ev.StepSucceeded(path=path, output=output))

    # ------------------------------------------------------------------ waiting and asking

    async def wait(self, path: Path, until: datetime, token: Token) -> None:
        """Sleep at *path* until then, or until the run is to stop or the branch has lost. A sleep rests like a wait."""
        if until <= self.effects.now() or self.stopped(path):
            return
        token.become("sleeping")
        await self.effects.sleep_until(until, path, self._before_waiting())
        token.become("moving")

    def _before_waiting(self) -> Callable[[], Awaitable[None]] | None:
        """What is to be done once a branch is known to wait: make it durable, unless the run comes to rest and that is.

        Known first: while it is written another branch may stop, and the rest must count what this one waits for.
        """
        return None if self.at_rest else self.journal.commit

    async def _pause(self, path: Path, until: datetime, token: Token) -> None:
        """Wait before the next try. Over a short pause the run does not rest: two writes would cost more than the wait."""
        if until - self.effects.now() > _SHORT:
            await self.wait(path, until, token)
        elif not self.stopped(path):
            await self.effects.sleep_until(until, path, self.journal.commit)

    async def ask(
        self, scope: Path, path: Path, names: Sequence[str], value: Json, *, iteration: int = 0
    ) -> list[Json] | ev.Failure:
        """What the functions *names* of the workflow at *scope* give, or the first failure."""
        # A condition is user code as well: what led to it is durable before.
        await self.journal.commit()
        return await self.effects.evaluate(
            Question(scope=scope, path=path, names=names, input=value, iteration=iteration, run=self.run)
        )
