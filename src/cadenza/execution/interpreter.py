"""Walking a graph: the one place that knows what happens next.

Rule 1: everything that decides the order of a run must live here, in `foreach.py` and in `fan.py`. Rule 2: nothing here
acts; whatever touches the world goes through `Effects`.

There is no program counter. Each leg walks the graph from the top; what the journal knows is not done again. So first
run, resume, recovery after a crash, restart, time travel and moving to another engine are one mechanism.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from ..errors import InvalidMapPath, InvalidStepInput, Issue
from ..history import event as ev
from ..history.journal import Journal
from ..history.record import StepRecord
from ..model.graph import Branch, Foreach, Graph, Loop, Map, Nested, Node, Parallel, Single, Sleep, SleepUntil
from ..model.mapping import FromFunction
from ..model.path import ROOT, Path, show
from ..model.values import Json
from .effects import Bailed, Call, Done, Effects, Failed, Question, Suspended
from .end import STOP, Bail, End, Fail, Flow, Stop, worst
from .failure import failure_of
from .fan import Fan, Root, Token
from .foreach import Items
from .mapping import map_values
from .sleep import computed_time, fixed_time


class Interpreter:
    """One walk over one run."""

    def __init__(self, graph: Graph, journal: Journal, effects: Effects) -> None:
        self._graph = graph
        self.journal = journal
        self.effects = effects
        self.run = journal.snapshot
        self._token = Token(Root(effects.at_rest))

    @property
    def at_rest(self) -> bool:
        """Whether no branch moves now."""
        return self._token.motion != "moving"

    async def walk(self) -> None:
        """Go on until the run has ended; its end is noted, for the caller to commit.

        Where the run comes to rest (`at_rest`) the effects may drop the walk, by raising `Dropped` where it waits.
        """
        flow = Flow(self.run.input, ev.Ref(of="input", path=ROOT))
        end = await self._workflow(self._graph, ROOT, flow, self._token)
        if self.effects.canceled or isinstance(end, Stop):
            self.journal.note(ev.RunCanceled())
        elif isinstance(end, Fail):
            self.journal.note(ev.RunFailed(error=end.error))
        else:
            self.journal.note(ev.RunSucceeded(result=end.given))

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
            case Parallel(children=children):
                return await self._block(children, children, scope, flow, token)
            case Branch(children=children):
                chosen = await self._choose(node, scope, flow)
                if isinstance(chosen, Fail | Stop):
                    return chosen
                return await self._block(chosen, children, scope, flow, token)
            case Loop():
                return await self._loop(node, scope, flow, token)
            case Foreach():
                return await self._foreach(node, scope, flow, token)
            case Map():
                return await self._map(node, scope, flow)
            case Sleep() | SleepUntil():
                return await self._sleep(node, scope, flow, token)

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
        if self.effects.canceled:
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

    def _end(self, event: ev.StepSucceeded | ev.StepBailed | ev.StepFailed) -> End:
        self.journal.note(event)
        return self.ended(self.run.records[event.path])

    async def _single(self, path: Path, flow: Flow, token: Token) -> End:
        record = self.begin(path, flow)
        if not isinstance(record, StepRecord):
            return record
        while not record.ended:
            if record.status == "suspended" and not await self._park(record, token):
                return STOP
            # Commit before the call: a crash in between repeats the step, and never loses what led to it.
            await self.journal.commit()
            if self.effects.canceled:  # the commit has brought the news
                return STOP
            self._conclude(path, await self.effects.execute(Call(path, record, self.run)))
        return self.ended(record)

    def _conclude(self, path: Path, outcome: Done | Bailed | Suspended | Failed) -> None:
        match outcome:
            case Done(output=output, patch=patch, read=read):
                self.journal.note(ev.StepSucceeded(path=path, output=output, patch=patch, read=read))
            case Suspended(suspension=suspension, patch=patch, read=read):
                self.journal.note(ev.StepSuspended(path=path, suspension=suspension, patch=patch, read=read))
            case Bailed(output=output, patch=patch, read=read):
                self.journal.note(ev.StepBailed(path=path, output=output, patch=patch, read=read))
            case Failed(error=error, read=read):
                self.journal.note(ev.StepFailed(path=path, error=error, read=read))

    async def _park(self, record: StepRecord, token: Token) -> bool:
        """Wait for the answer to the question of *record*; False when the run is to stop instead."""
        suspension = record.suspension
        assert suspension is not None
        row = self.effects.known_answer(suspension)
        if row is None:
            if self.effects.canceled:
                return False
            token.become("waiting")
            if not self.at_rest:
                # Others are still under way: the question is open to people all the same.
                await self.journal.commit()
            row = await self.effects.answered(suspension)
            token.become("moving")
            if row is None:
                return False
        self.journal.note(
            ev.StepAnswered(
                path=record.path,
                suspension_id=row.id,
                data=row.answer,
                actor=row.actor,
                key=row.key,
                run_count=row.run_count,
                context=row.context,
            )
        )
        return True

    # ------------------------------------------------------------------ nested workflows

    async def _nested(self, node: Nested, path: Path, flow: Flow, token: Token) -> End:
        record = self.begin(path, flow)
        if not isinstance(record, StepRecord):
            return record
        if not record.ended and not any((*path, id_) in self.run.records for id_ in node.graph.places):
            record = await self._enter(record)
        while not record.ended:
            if record.retry_at is not None:
                await self._wait(record.retry_at, token)
            inner = Flow(record.payload, ev.Ref(of="input", path=path))
            end = await self._workflow(node.graph, path, inner, token)
            if isinstance(end, Stop):
                return STOP
            if not isinstance(end, Fail):
                return self._end(ev.StepSucceeded(path=path, output=end.given))
            # As with steps, what Cadenza itself refused would be refused again.
            if end.error.code is not None or end.error.final or record.attempt >= node.retry.attempts:
                return self._end(ev.StepFailed(path=path, error=end.error))
            attempt = record.attempt + 1
            until = self.effects.now() + node.retry.pause(attempt)
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

    # ------------------------------------------------------------------ blocks

    async def _choose(self, node: Branch, scope: Path, flow: Flow) -> list[Single | Nested] | Fail | Stop:
        paths = [(*scope, child.id) for child in node.children]
        missing = [
            i
            for i, path in enumerate(paths)
            if path not in self.run.verdicts and path not in self.run.skipped
        ]
        if missing:
            if self.effects.canceled:
                return STOP
            names = [node.conditions[i] for i in missing]
            found = await self._ask(scope, paths[missing[0]], names, flow.value)
            if isinstance(found, ev.Failure):
                return Fail(found)
            for i, verdict in zip(missing, found, strict=True):
                self.journal.note(ev.Evaluated(path=paths[i], verdict=bool(verdict)))
        return [
            child for child, path in zip(node.children, paths, strict=True) if self.run.verdicts.get(path)
        ]

    async def _block(
        self,
        chosen: Sequence[Single | Nested],
        children: Sequence[Single | Nested],
        scope: Path,
        flow: Flow,
        token: Token,
    ) -> End:
        ends: dict[str, End] = {}
        if len(chosen) == 1:
            only = chosen[0]
            ends[only.id] = await self.body(only, (*scope, only.id), flow, token)
        elif chosen:
            fan = Fan(token, self.journal.commit)

            async def walk(child: Single | Nested, own: Token) -> None:
                end = ends[child.id] = await self.body(child, (*scope, child.id), flow, own)
                fan.broken = fan.broken or isinstance(end, Fail | Bail)

            # Noted at once: all of them have begun in the journal, whatever becomes of the first.
            for child in chosen:
                self.begin((*scope, child.id), flow)
            for child in chosen:
                fan.start(partial(walk, child))
            await fan.wait()
        broken = worst([ends[child.id] for child in children if child.id in ends])
        if broken is not None:
            return broken
        ids = tuple(
            child.id for child in children if child.id in ends and (*scope, child.id) in self.run.records
        )
        ref = ev.Ref(of="block", path=scope, ids=ids)
        return Flow(self.run.value(ref), ref)

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
                if self.effects.canceled:
                    return STOP
                found = await self._ask(scope, path, [node.condition], end.value, iteration=number + 1)
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
            return self._end(ev.StepFailed(path=path, error=failure_of(invalid)))
        ends = await Items(self, node, record.payload, path, token).run()
        broken = worst(ends)
        match broken:
            case Fail(error=error):
                return self._end(ev.StepFailed(path=path, error=error))
            case Bail(given=given):
                return self._end(ev.StepBailed(path=path, output=given))
            case Stop():
                return STOP
            case None:
                output = ev.Ref(of="list", path=path, index=len(record.payload))
                return self._end(ev.StepSucceeded(path=path, output=output))

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
            found = await self._ask(scope, path, names, record.payload)
            if isinstance(found, ev.Failure):
                return self._end(ev.StepFailed(path=path, error=found))
            called = found
        try:
            output = called[0] if node.fn is not None else map_values(node.sources, called, self.run, scope)
        except InvalidMapPath as error:
            return self._end(ev.StepFailed(path=path, error=failure_of(error)))
        return self._end(ev.StepSucceeded(path=path, output=output))

    async def _sleep(self, node: Sleep | SleepUntil, scope: Path, flow: Flow, token: Token) -> End:
        path = (*scope, node.id)
        record = self.begin(path, flow)
        if not isinstance(record, StepRecord):
            return record
        if record.status == "running":
            until = await self._wake_time(node, scope, record)
            if isinstance(until, ev.Failure):
                return self._end(ev.StepFailed(path=path, error=until))
            if until > self.effects.now():
                self.journal.note(ev.StepWaiting(path=path, until=until))
        if record.status == "waiting":
            assert record.wake_at is not None
            await self._wait(record.wake_at, token)
            if self.effects.canceled:
                return STOP
        if record.ended:
            return self.ended(record)
        return self._end(ev.StepSucceeded(path=path, output=ev.Ref(of="input", path=path)))

    async def _wake_time(
        self, node: Sleep | SleepUntil, scope: Path, record: StepRecord
    ) -> datetime | ev.Failure:
        if node.fn is None:
            return fixed_time(node, record.started_at)
        found = await self._ask(scope, record.path, [node.fn], record.payload)
        return found if isinstance(found, ev.Failure) else computed_time(node, record.started_at, found[0])

    async def _wait(self, until: datetime, token: Token) -> None:
        if until <= self.effects.now() or self.effects.canceled:
            return
        token.become("sleeping")
        if not self.at_rest:
            await self.journal.commit()
        await self.effects.sleep_until(until)
        token.become("moving")

    async def _ask(
        self, scope: Path, path: Path, names: Sequence[str], value: Json, *, iteration: int = 0
    ) -> list[Json] | ev.Failure:
        # A condition is user code as well: what led to it is durable before.
        await self.journal.commit()
        return await self.effects.evaluate(
            Question(scope=scope, path=path, names=names, input=value, iteration=iteration, run=self.run)
        )
