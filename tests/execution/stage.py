"""The stage: runs a plan for real, one event at a time.

Every call of user code stops at a gate until it is released, and a loop of its own knows when nothing can move by
itself any more. So each moment between two events is exact: which functions are under way, who waits, what is kept.
"""

from __future__ import annotations

import asyncio
import selectors
from collections import Counter
from copy import deepcopy
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from cadenza import Cadenza, Run, Scope, Step, StepContext, Suspension, Workflow
from cadenza.errors import AlreadyAnswered
from cadenza.history import event as ev
from cadenza.history.snapshot import fold
from cadenza.store.base import Store

from . import plans
from .plans import Nested, Path, answer_to, output_of_map, output_of_step, show, verdict_of
from .reference import Condition, Ended, Leaf, Model

INPUT = {"the": "input"}


# ------------------------------------------------------------------ knowing when all is quiet


class QuietLoop(asyncio.SelectorEventLoop):
    """An event loop that tells when it would fall asleep with nothing under way outside."""

    def __init__(self) -> None:
        self.outside = 0
        self._waiter: asyncio.Future[None] | None = None
        loop = self

        class Selector(selectors.DefaultSelector):
            def select(self, timeout: float | None = None) -> Any:
                return super().select(0 if timeout != 0 and loop.tell() else timeout)

        super().__init__(Selector())

    def tell(self) -> bool:
        """Wake who waits for quiet, if it is."""
        waiter = self._waiter
        if waiter is None or waiter.done() or self.outside:
            return False
        waiter.set_result(None)
        return True

    async def quiet(self) -> None:
        """Return when nothing moves."""
        self._waiter = self.create_future()
        await self._waiter


def perform(scene: Coroutine[Any, Any, None]) -> None:
    """Run *scene* on a loop of its own."""
    with asyncio.Runner(loop_factory=QuietLoop) as runner:
        runner.run(scene)


async def quiet() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, QuietLoop)
    await loop.quiet()


class Recorder:
    """A store that remembers each transaction, so that a run can be cut after any of them."""

    WRITES = frozenset({"create", "append", "claim", "release", "answer"})

    def __init__(self, store: Store) -> None:
        self._store = store
        self.transactions: list[tuple[str, Any, Any]] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name == "wait" or not callable(method):
            return method

        async def call(*args: Any, **kwargs: Any) -> Any:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, QuietLoop)
            loop.outside += 1
            try:
                found = await method(*args, **kwargs)
            finally:
                loop.outside -= 1
            if name in self.WRITES:
                self.transactions.append((name, args, kwargs))
            return found

        return call

    async def replay(self, store: Store, number: int) -> None:
        """Make the first *number* transactions again in *store*."""
        for name, args, kwargs in self.transactions[:number]:
            await getattr(store, name)(*args, **kwargs)


# ------------------------------------------------------------------ a plan as a workflow


class Gates:
    """Where each call of user code stops. `entered` counts the calls."""

    def __init__(self) -> None:
        self.entered: Counter[str] = Counter()
        self.closed: dict[str, asyncio.Future[None]] = {}
        self.broken_off: list[str] = []

    async def enter(self, key: str) -> None:
        self.entered[key] += 1
        assert key not in self.closed, f"{key} was entered while it runs"
        self.closed[key] = asyncio.get_running_loop().create_future()
        try:
            await self.closed[key]
        except asyncio.CancelledError:
            self.broken_off.append(key)
            raise

    def release(self, key: str) -> None:
        self.closed.pop(key).set_result(None)


def build(plan: Nested, gates: Gates) -> Workflow[Any, Any]:
    """The workflow that *plan* describes."""
    workflow: Workflow[Any, Any] = Workflow(plan.id)

    def body(child: plans.Step | Nested) -> Step[Any, Any] | Workflow[Any, Any]:
        return build(child, gates) if isinstance(child, Nested) else _step(child, gates)

    def function(name: str, answer: Callable[[Scope], Any]) -> Callable[[Scope], Any]:
        return _function(name, plan.first, answer, gates)

    for node in plan.nodes:
        match node:
            case plans.Step() | Nested():
                workflow.then(body(node))
            case plans.Map():
                workflow.map(_source(node, function), id=node.id)
            case plans.Parallel(children=children):
                workflow.parallel([body(child) for child in children])
            case plans.Branch(children=children):
                conditions = [function(node.name(i), _condition(node, i)) for i in range(len(children))]
                workflow.branch([(c, body(child)) for c, child in zip(conditions, children, strict=True)])
            case plans.Loop(rounds=rounds, until=until):
                again = function(node.name, _rounds(rounds, until=until))
                (workflow.dountil if until else workflow.dowhile)(body(node.body), again)
            case plans.Foreach():
                workflow.foreach(body(node.body), concurrency=node.concurrency)
    return workflow.commit()


def _step(plan: plans.Step, gates: Gates) -> Step[Any, Any]:
    async def play(given: Any, ctx: StepContext) -> Any:
        key, way = show(ctx.path), plan.way(ctx.path)
        await gates.enter(key)
        asked: list[str] = []
        seen = ctx.suspend_data["number"] if ctx.suspend_data is not None else -1
        for number, wait in enumerate(way.waits):
            ctx.set_state({key: number})
            if wait == "ask":
                asked.append(await ctx.ask(str, question={"number": number}, key=f"q{number}", label=key))
            elif number > seen:
                ctx.suspend({"number": number}, label=key)
        assert ctx.state.get(key) == (len(way.waits) - 1 if way.waits else None)
        ctx.set_state({key: len(way.waits)})
        if way.end == "fail":
            raise ValueError(f"{key} fails")
        output = output_of_step(key, given, ctx.resume_data, asked)
        return ctx.bail(output) if way.end == "bail" else output

    return Step(play, id=plan.id)


def _function(name: str, first: str, answer: Callable[[Scope], Any], gates: Gates) -> Callable[[Scope], Any]:
    async def call(scope: Scope) -> Any:
        round_ = f" round {scope.iteration}" if scope.iteration else ""
        await gates.enter(f"{name} after {scope.results[first]['by']}{round_}")
        return answer(scope)

    call.__name__ = name
    return call


def _source(plan: plans.Map, function: Callable[[str, Callable[[Scope], Any]], Any]) -> Any:
    def call(scope: Scope) -> Any:
        if plan.kind == "raise":
            raise ValueError(f"{plan.id} fails")
        return output_of_map(plan, scope.input, scope.init_data, scope.results.get(plan.earlier))

    match plan.kind:
        case "declared":
            return {"earlier": {"step": plan.earlier}, "init": {"init_data": True}, "seven": {"value": 7}}
        case "missing":
            return {"none": {"step": plan.earlier, "path": "no.such.part"}}
        case _:
            return function(plan.id, call)


def _condition(plan: plans.Branch, i: int) -> Callable[[Scope], Any]:
    def answer(scope: Scope) -> bool:
        if plan.verdicts[i] == "raise":
            raise ValueError(f"{plan.name(i)} fails")
        return verdict_of(plan.verdicts[i], scope.input)

    return answer


def _rounds(rounds: int, *, until: bool) -> Callable[[Scope], Any]:
    return lambda scope: (scope.iteration >= rounds) == until


# ------------------------------------------------------------------ one run


class Unheard(Exception):
    """The journal tells of an answer to a question that the model has given up."""


class Stage:
    """One run of a plan, and the model of it. `script` is what happened to it, in order."""

    def __init__(self, plan: Nested, store: Store) -> None:
        self.plan = plan
        self.store = Recorder(store)
        self.script: list[tuple[str, str]] = []
        self.model = Model(plan, INPUT)
        self._seq = 0
        self._answered: dict[str, Suspension] = {}
        self._seen: dict[str, Suspension] = {}
        self.raise_curtain()

    def raise_curtain(self) -> None:
        """A fresh app on the same store, as if in another process."""
        self.gates = Gates()
        self.app = Cadenza(store=self.store, workflows=[build(self.plan, self.gates)])
        self.calls: list[asyncio.Task[Any]] = []

    async def start(self) -> None:
        self.run: Run[Any] = await self.app.workflow(self.plan.id).create_run("run")
        self._call(self.run.start(input_data=INPUT))
        await self.check()

    async def take_up(self) -> None:
        """Go on where the store's journal ends, whatever that is; the model is told what is kept."""
        row = await self.store.row("run")
        if row is None or row.status == "pending":
            await self.start()
            return
        self.run = await self.app.get_run("run")
        stored = await self.store.load("run")
        self._follow(stored.entries)
        unheard = [
            s for s in stored.suspensions if s.state == "answered" and s.id in fold(stored.entries).open
        ]
        for suspension in unheard:
            self._happen("answer", show(suspension.path))
        self.model.entered = Counter(self.model.running)
        if not self.model.ended or row.status == "running":
            if row.status == "running" or unheard:
                self._call(self.run.restart())
        await self.check()

    async def happen(self, released: Sequence[str], answered: Sequence[str], *, twice: bool = False) -> None:
        """Let several things happen at once, then see that the run is as it should be."""
        for key in answered:
            self._call(self._answer(key, twice=twice))
        for key in released:
            self.gates.release(key)
        await quiet()
        before = len(self.script)
        for leaf in list(self.model.running.values()):
            if leaf.key in released and isinstance(leaf, Condition) and not leaf.kept:
                self._happen("release", leaf.key)
        entries, told = await self.store.entries("run", after=self._seq), len(self.script)
        earlier = deepcopy(self.model) if released and answered else self.model
        try:
            self._follow(entries)
        except Unheard:
            # The answer came between the end of a sibling and the end of the block: it moved in time.
            self.model = earlier
            del self.script[told:]
            self._follow(sorted(entries, key=lambda entry: not isinstance(entry.event, ev.StepAnswered)))
        happened = sorted(self.script[before:])
        # An answer that comes together with a failure beside it may find its question given up.
        heard = [key for key in answered if ("answer", key) in happened or key in self.model.waiting]
        wanted = sorted([("release", key) for key in released] + [("answer", key) for key in heard])
        same("what happened, and what is kept of it", happened, wanted)
        await self.check()

    def _call(self, call: Coroutine[Any, Any, Any]) -> None:
        self.calls.append(asyncio.get_running_loop().create_task(call))

    async def _answer(self, key: str, *, twice: bool) -> Any:
        suspension = self._seen[key]
        data = answer_to(key, suspension.payload["number"])
        calls = [self.run.resume(label=key, resume_data=data)]
        if twice:
            calls.append(self.run.resume(step=suspension, resume_data="too late"))
        results = await asyncio.gather(*calls, return_exceptions=True)
        losers = [found for found in results if isinstance(found, AlreadyAnswered)]
        assert len(losers) == len(calls) - 1, results
        return next(found for found in results if found not in losers)

    # ------------------------------------------------------------------ telling the model

    def _happen(self, what: str, key: str) -> None:
        if what == "answer":
            if key not in self.model.waiting:
                raise Unheard(key)
            self.model.waiting[key].answer()
        else:
            self.model.running[key].release()
        self.model.go_on()
        self.script.append((what, key))

    def _follow(self, entries: Sequence[ev.Entry]) -> None:
        """Tell the model what calls of user code did, in the journal's order; of places around them it is told nothing."""
        for entry in entries:
            self._seq = max(self._seq, entry.seq)
            event = entry.event
            if isinstance(event, ev.StepAnswered):
                self._happen("answer", show(event.path))
                continue
            # More than one only where a branch has failed: the conditions before the one that raised are not kept.
            while told := [leaf for leaf in self.model.running.values() if _tells_of(event, leaf)]:
                self._happen("release", told[0].key)

    # ------------------------------------------------------------------ comparing

    async def check(self) -> None:
        """See that run and model agree: what moves, what was called, who waits, state, and the end."""
        await quiet()
        model = self.model
        for call in self.calls:
            if call.done():
                call.result()
        same("functions that are under way", sorted(self.gates.closed), sorted(model.running))
        same("functions that were broken off", self.gates.broken_off, [])
        same("calls of functions", self.gates.entered, model.entered)
        found = await self.run.get_state(
            output_options={"include_state": True, "include_resume_labels": True}
        )
        same("state", found.state, model.state)
        self._seen = found.resume_labels
        waiting = {key: {"number": step.passed} for key, step in model.waiting.items()}
        same("open questions", {key: row.payload for key, row in self._seen.items()}, waiting)
        if model.running:
            same("status", found.status, "running")
            same("calls that have returned", [call.result() for call in self.calls if call.done()], [])
            return
        for result in [found, *[call.result() for call in self.calls]]:
            self._compare(result)
        self.calls = []

    def _compare(self, result: Any) -> None:
        """See that *result* is that of a run which has ended, or waits for people only."""
        at = self.model.standing
        match at:
            case Ended(kind="fail"):
                same("status", result.status, "failed")
                same("error", result.error.code or result.error.message, at.value)
            case Ended():
                same("status", result.status, "success")
                same("result", result.result, at.value)
            case _:
                same("status", result.status, "suspended")
                paths: list[Path] = [step.path for step in self.model.waiting.values()]
                same("suspensions", sorted(row.path for row in result.suspensions), sorted(paths))
                ids = {tuple(part for part in path if isinstance(part, str)) for path in paths}
                same("suspended", sorted(map(tuple, result.suspended)), sorted(ids))


def same(what: str, found: Any, expected: Any) -> None:
    """The one way in which a run is found to be wrong."""
    assert found == expected, f"{what}: the run has {found}, the model {expected}"


def _tells_of(event: ev.Event, leaf: Leaf) -> bool:
    """Whether *event* is what *leaf*, which runs, has come to."""
    match event:
        case ev.StepSucceeded() | ev.StepBailed() | ev.StepSuspended():
            return leaf.path == event.path and not isinstance(leaf, Condition)
        case ev.Evaluated():
            return leaf.path == event.path and isinstance(leaf, Condition)
        case ev.StepFailed() | ev.RunFailed() if isinstance(leaf, Condition):
            # A condition has no record: that one has raised shows in the place around it.
            scope = event.path if isinstance(event, ev.StepFailed) else ()
            return leaf.path[: len(scope)] == scope
        case ev.StepFailed():
            return leaf.path == event.path
        case _:
            return False
