"""Walking a graph: the one place that knows what happens next.

Rule 1: everything that decides the order of a run must live here and in `fan.py`. Rule 2: nothing here acts; whatever
touches the world goes through `Effects`.

There is no program counter. Each leg walks the graph from the top; what the journal knows is not done again. So first
run, resume, recovery after a crash, restart, time travel and moving to another engine are one mechanism.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeAlias

from ..errors import InvalidMapPath, InvalidStepInput, Issue
from ..history import event as ev
from ..history.journal import Journal
from ..history.snapshot import StepRecord
from ..model.graph import Branch, Foreach, Graph, Loop, Map, Nested, Node, Parallel, Single, Sleep, SleepUntil
from ..model.path import ROOT, Path, show, within
from ..model.values import Json
from .effects import Bailed, Call, Done, Effects, Failed, Question, Suspended
from .failure import failure_of
from .fan import Fan, Root, Token
from .mapping import map_values


@dataclass(frozen=True, slots=True)
class Flow:
    """A value that passes on, and where it stands in the journal."""

    value: Json
    given: ev.Given


@dataclass(frozen=True, slots=True)
class Bail:
    """The workflow around ends with this."""

    value: Json
    given: ev.Given


@dataclass(frozen=True, slots=True)
class Fail:
    """The workflow around fails with this."""

    error: ev.Failure


@dataclass(frozen=True, slots=True)
class Stop:
    """The run is to stop; nothing further starts."""


End: TypeAlias = Flow | Bail | Fail | Stop
STOP = Stop()


class Interpreter:
    """One walk over one run."""

    def __init__(self, graph: Graph, journal: Journal, effects: Effects) -> None:
        self._graph = graph
        self._journal = journal
        self._effects = effects
        self._run = journal.snapshot
        self._resting = False
        self._token = Token(Root(self._rest))

    @property
    def at_rest(self) -> bool:
        """Whether no branch moves now."""
        return self._token.motion != "moving"

    async def walk(self) -> None:
        """Go on until the run has ended; its end is noted, for the caller to commit.

        Parks for good when the run comes to rest (`Effects.at_rest`): the caller then drops the walk, or wakes it by an answer.
        """
        flow = Flow(self._run.input, ev.Ref(of="input", path=ROOT))
        end = await self._workflow(self._graph, ROOT, flow, self._token)
        if self._effects.canceled or isinstance(end, Stop):
            self._journal.note(ev.RunCanceled())
        elif isinstance(end, Fail):
            self._journal.note(ev.RunFailed(error=end.error))
        else:
            self._journal.note(ev.RunSucceeded(result=end.given))

    def _rest(self) -> None:
        self._resting = True
        self._effects.at_rest()

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
                return await self._body(node, (*scope, node.id), flow, token)
            case Parallel(children=children):
                return await self._block(children, children, scope, flow, token)
            case Branch(children=children):
                chosen = await self._choose(node, scope, flow)
                return chosen if isinstance(chosen, Fail | Stop) else await self._block(chosen, children, scope, flow, token)
            case Loop():
                return await self._loop(node, scope, flow, token)
            case Foreach():
                return await self._foreach(node, scope, flow, token)
            case Map():
                return await self._map(node, scope, flow)
            case Sleep() | SleepUntil():
                return await self._sleep(node, scope, flow, token)

    async def _body(self, body: Single | Nested, path: Path, flow: Flow, token: Token) -> End:
        if isinstance(body, Nested):
            return await self._nested(body, path, flow, token)
        return await self._single(path, flow, token)

    def _begin(self, path: Path, flow: Flow) -> StepRecord | Flow | Stop:
        """The record of the place at *path*, which is started if it is new."""
        record = self._run.records.get(path)
        if record is not None:
            return record
        if path in self._run.skipped:
            return Flow(None, None)
        if self._effects.canceled:
            return STOP
        given = self._run.inputs[path] if path in self._run.inputs else flow.given
        return self._start(path, given)

    def _start(self, path: Path, given: ev.Given) -> StepRecord:
        self._journal.note(ev.StepStarted(path=path, input=given))
        return self._run.records[path]

    def _ended(self, record: StepRecord) -> End:
        if record.error is not None and record.status == "failed":
            return Fail(record.error)
        if record.status == "canceled":
            return STOP
        ref = ev.Ref(of="output", path=record.path)
        return Bail(record.output, ref) if record.bailed else Flow(record.output, ref)

    def _end(self, event: ev.StepSucceeded | ev.StepBailed | ev.StepFailed) -> End:
        self._journal.note(event)
        return self._ended(self._run.records[event.path])

    async def _single(self, path: Path, flow: Flow, token: Token) -> End:
        record = self._begin(path, flow)
        if not isinstance(record, StepRecord):
            return record
        while not record.ended:
            if record.status == "suspended" and not await self._park(record, token):
                return STOP
            if self._effects.canceled:
                return STOP
            # Commit before the call: a crash in between repeats the step, and never loses what led to it.
            await self._journal.commit()
            self._conclude(path, await self._effects.execute(Call(path, record, self._run)))
        return self._ended(record)

    def _conclude(self, path: Path, outcome: Done | Bailed | Suspended | Failed) -> None:
        match outcome:
            case Done(output=output, patch=patch, read=read):
                self._journal.note(ev.StepSucceeded(path=path, output=output, patch=patch, read=read))
            case Suspended(suspension=suspension, patch=patch, read=read):
                self._journal.note(ev.StepSuspended(path=path, suspension=suspension, patch=patch, read=read))
            case Bailed(output=output, patch=patch, read=read):
                self._journal.note(ev.StepBailed(path=path, output=output, patch=patch, read=read))
            case Failed(error=error, read=read):
                self._journal.note(ev.StepFailed(path=path, error=error, read=read))

    async def _park(self, record: StepRecord, token: Token) -> bool:
        """Wait for the answer to the question of *record*; False when the run is to stop instead."""
        suspension = record.suspension
        assert suspension is not None
        row = self._effects.known_answer(suspension)
        if row is None:
            if self._effects.canceled:
                return False
            self._resting = False
            token.become("waiting")
            if not self._resting:
                # Others are still under way: the question is open to people all the same.
                await self._journal.commit()
            row = await self._effects.answered(suspension)
            token.become("moving")
            if row is None:
                return False
        self._journal.note(
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
        record = self._run.records.get(path)
        if record is None:
            begun = await self._enter(path, flow)
            if not isinstance(begun, StepRecord):
                return begun
            record = begun
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
            until = self._effects.now() + node.retry.pause(attempt)
            self._journal.note(ev.StepRetried(path=path, attempt=attempt, error=end.error, until=until))
        return self._ended(record)

    async def _enter(self, path: Path, flow: Flow) -> StepRecord | End:
        if path not in self._run.skipped and not self._effects.canceled:
            value = self._run.inputs.get(path, flow.value)
            entered = await self._effects.enter(path, value, self._run)
            if isinstance(entered, Failed):
                self._begin(path, flow)
                return self._end(ev.StepFailed(path=path, error=entered.error))
            if entered.read:
                return self._start(path, entered.read[0])
        return self._begin(path, flow)

    # ------------------------------------------------------------------ blocks

    async def _choose(self, node: Branch, scope: Path, flow: Flow) -> list[Single | Nested] | Fail | Stop:
        paths = [(*scope, child.id) for child in node.children]
        missing = [i for i, path in enumerate(paths) if path not in self._run.verdicts and path not in self._run.skipped]
        if missing:
            if self._effects.canceled:
                return STOP
            names = [node.conditions[i] for i in missing]
            found = await self._ask(scope, paths[missing[0]], names, flow.value)
            if isinstance(found, ev.Failure):
                return Fail(found)
            for i, verdict in zip(missing, found, strict=True):
                self._journal.note(ev.Evaluated(path=paths[i], verdict=bool(verdict)))
        return [child for child, path in zip(node.children, paths, strict=True) if self._run.verdicts.get(path)]

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
            ends[chosen[0].id] = await self._body(chosen[0], (*scope, chosen[0].id), flow, token)
        elif chosen:
            fan = Fan(token, self._journal.commit)

            async def walk(child: Single | Nested, own: Token) -> None:
                end = ends[child.id] = await self._body(child, (*scope, child.id), flow, own)
                fan.broken = fan.broken or isinstance(end, Fail | Bail)

            for child in chosen:
                fan.start(partial(walk, child))
            await fan.wait()
        broken = _worst([ends[child.id] for child in children if child.id in ends])
        if broken is not None:
            return broken
        ids = tuple(child.id for child in children if child.id in ends and (*scope, child.id) in self._run.records)
        ref = ev.Ref(of="block", path=scope, ids=ids)
        return Flow(self._run.value(ref), ref)

    async def _loop(self, node: Loop, scope: Path, flow: Flow, token: Token) -> End:
        place = (*scope, node.id)
        if place in self._run.skipped:
            return Flow(None, None)
        # The rounds before the last one are over, and the journal's records of them may be gone.
        number = self._run.rounds.get(place, 0)
        if number == 0 and place in self._run.inputs:
            flow = Flow(self._run.inputs[place], self._run.inputs[place])
        while True:
            path = (*place, number)
            end = await self._body(node.body, path, flow, token)
            if not isinstance(end, Flow):
                return end
            verdict = self._run.verdicts.get(path)
            if verdict is None:
                if self._effects.canceled:
                    return STOP
                found = await self._ask(scope, path, [node.condition], end.value, iteration=number + 1)
                if isinstance(found, ev.Failure):
                    return Fail(found)
                verdict = bool(found[0])
                self._journal.note(ev.Evaluated(path=path, verdict=verdict))
            if verdict == node.until:
                return end
            flow = end
            number += 1

    async def _foreach(self, node: Foreach, scope: Path, flow: Flow, token: Token) -> End:
        path = (*scope, node.id)
        record = self._begin(path, flow)
        if not isinstance(record, StepRecord):
            return record
        if record.ended:
            return self._ended(record)
        if not isinstance(record.payload, list):
            error = InvalidStepInput(f"foreach {show(path)}", [Issue(path="", message="should be a list")])
            return self._end(ev.StepFailed(path=path, error=failure_of(error)))
        ends = await _Items(self, node, record.payload, path, token).run()
        broken = _worst(ends)
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
        record = self._begin(path, flow)
        if not isinstance(record, StepRecord):
            return record
        if record.ended:
            return self._ended(record)
        names = [source.fn for _, source in node.sources if hasattr(source, "fn")] if node.fn is None else [node.fn]
        found: list[Json] | ev.Failure = []
        if names:
            found = await self._ask(scope, path, names, record.payload)
            if isinstance(found, ev.Failure):
                return self._end(ev.StepFailed(path=path, error=found))
        try:
            output = found[0] if node.fn is not None else map_values(node.sources, found, self._run, scope)
        except InvalidMapPath as error:
            return self._end(ev.StepFailed(path=path, error=failure_of(error)))
        return self._end(ev.StepSucceeded(path=path, output=output))

    async def _sleep(self, node: Sleep | SleepUntil, scope: Path, flow: Flow, token: Token) -> End:
        path = (*scope, node.id)
        record = self._begin(path, flow)
        if not isinstance(record, StepRecord):
            return record
        if record.status == "running":
            until = await self._wake_time(node, scope, record)
            if isinstance(until, ev.Failure):
                return self._end(ev.StepFailed(path=path, error=until))
            if until > self._effects.now():
                self._journal.note(ev.StepWaiting(path=path, until=until))
        if record.status == "waiting":
            assert record.wake_at is not None
            await self._wait(record.wake_at, token)
            if self._effects.canceled:
                return STOP
        if not record.ended:
            return self._end(ev.StepSucceeded(path=path, output=ev.Ref(of="input", path=path)))
        return self._ended(record)

    async def _wake_time(self, node: Sleep | SleepUntil, scope: Path, record: StepRecord) -> datetime | ev.Failure:
        if isinstance(node, SleepUntil) and node.when is not None:
            return node.when
        if isinstance(node, Sleep) and node.seconds is not None:
            return record.started_at + timedelta(seconds=node.seconds)
        assert node.fn is not None
        found = await self._ask(scope, record.path, [node.fn], record.payload)
        if isinstance(found, ev.Failure):
            return found
        try:
            if isinstance(node, SleepUntil):
                when = datetime.fromisoformat(found[0]) if isinstance(found[0], str) else _from_seconds(found[0])
                return when if when.tzinfo else when.replace(tzinfo=UTC)
            return record.started_at + timedelta(seconds=float(found[0]))
        except (TypeError, ValueError, OverflowError) as error:
            return failure_of(TypeError(f"the duration of {show(record.path)} is {found[0]!r}: {error}"))

    async def _wait(self, until: datetime, token: Token) -> None:
        if until <= self._effects.now() or self._effects.canceled:
            return
        self._resting = False
        token.become("sleeping")
        if not self._resting:
            await self._journal.commit()
        await self._effects.sleep_until(until)
        token.become("moving")

    async def _ask(
        self, scope: Path, path: Path, names: Sequence[str], value: Json, *, iteration: int = 0
    ) -> list[Json] | ev.Failure:
        # A condition is user code as well: what led to it is durable before.
        await self._journal.commit()
        return await self._effects.evaluate(
            Question(scope=scope, path=path, names=names, input=value, iteration=iteration, run=self._run)
        )


class _Items:
    """The items of one foreach.

    They start in order, at most `concurrency` moving at once. Once one has parked for people, no further one starts until one
    that was answered has finished; those chosen to start together are all begun. An answered one moves at once.
    """

    def __init__(self, walk: Interpreter, node: Foreach, items: list[Json], path: Path, token: Token) -> None:
        self._walk = walk
        self._node = node
        self._items = items
        self._path = path
        self._ends: dict[int, End] = {}
        self._fan = Fan(token, walk._journal.commit)  # noqa: SLF001  the same module
        self._next = 0
        self._blocked = False

    async def run(self) -> list[End]:
        """The ends of all items that were begun, in their order."""
        self._take_up()
        self._fill(0)
        if len(self._ends) < self._next:
            await self._fan.wait()
        if len(self._ends) < len(self._items) and _worst(list(self._ends.values())) is None:
            return [*self._ends.values(), STOP]
        return [self._ends[i] for i in sorted(self._ends)]

    def _take_up(self) -> None:
        """Begin again what an earlier leg has begun, whatever the concurrency."""
        run = self._walk._run  # noqa: SLF001
        depth = len(self._path)
        begun = [path[depth] for path in run.records if len(path) == depth + 1 and within(path, self._path)]
        if not begun:
            return
        parked: dict[int, int] = {}
        for path, record in run.records.items():
            if len(path) > depth and record.suspended_seq and within(path, self._path):
                item = path[depth]
                assert isinstance(item, int)
                parked[item] = max(parked.get(item, 0), record.suspended_seq)
        finished = [run.records[*self._path, item].ended_seq for item in parked]
        self._blocked = max(parked.values(), default=0) > max(finished, default=0)
        for item in sorted(i for i in begun if isinstance(i, int)):
            self._next = max(self._next, item + 1)
            record = run.records[*self._path, item]
            if record.ended:
                self._ends[item] = self._walk._ended(record)  # noqa: SLF001
            else:
                self._begin(item, parked=item in parked)
        self._fan.broken = any(isinstance(end, Fail | Bail) for end in self._ends.values())

    def _fill(self, leaving: int) -> None:
        """Begin items while there is room; *leaving* of those that move are about to be gone."""
        while (
            self._next < len(self._items)
            and self._fan.busy - leaving < self._node.concurrency
            and not (self._blocked or self._fan.broken or self._walk._effects.canceled)  # noqa: SLF001
        ):
            self._next += 1
            self._begin(self._next - 1)

    def _begin(self, item: int, *, parked: bool = False) -> None:
        self._fan.start(self._item, index=item, parked=parked)

    async def _item(self, token: Token) -> None:
        path = (*self._path, token.index)
        given = ev.Ref(of="item", path=self._path, index=token.index)
        own = Token(_Watch(self, token))
        end = self._ends[token.index] = await self._walk._body(  # noqa: SLF001
            self._node.body, path, Flow(self._items[token.index], given), own
        )
        if isinstance(end, Fail | Bail):
            self._fan.broken = True
        if token.parked:
            self._blocked = False
        self._fill(1)

    def parked(self) -> None:
        """An item waits for people."""
        self._blocked = True


class _Watch:
    """Tells the foreach when an item parks, and passes every move on to the item's token."""

    def __init__(self, items: _Items, token: Token) -> None:
        self._items = items
        self._token = token

    def moved(self, token: Token, old: str) -> None:
        if token.motion == "waiting":
            self._items.parked()
        self._token.become(token.motion)


def _worst(ends: Sequence[End]) -> Fail | Bail | Stop | None:
    """What ends a block: a failure before a bail before a stop, each the first in order; None where all passed."""
    for kind in (Fail, Bail, Stop):
        for end in ends:
            if isinstance(end, kind):
                return end
    return None


def _from_seconds(value: Json) -> datetime:
    return datetime.fromtimestamp(float(value), UTC)
