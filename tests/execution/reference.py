"""The reference model: what a run of a plan should do, told what the calls of user code did and in which order.

Written from the semantics, not from the library, and the other way round: the library walks the graph from the top on
each leg and reads its journal; here every place that is under way is an object, which is asked how it stands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from .plans import (
    Branch,
    Foreach,
    Loop,
    Map,
    Nested,
    Node,
    Parallel,
    Path,
    Step,
    Way,
    answer_to,
    output_of_map,
    output_of_step,
    place_of,
    show,
    verdict_of,
)


@dataclass(frozen=True)
class Ended:
    """The end of a place; the value of a failure is the error's code or message."""

    kind: Literal["flow", "bail", "fail"]
    value: Any


Standing: TypeAlias = Literal["moving", "waiting"] | Ended


class Model:
    """One run. `entered` counts how often each function was called."""

    def __init__(self, plan: Nested, value: Any) -> None:
        self.entered: Counter[str] = Counter()
        self.state: dict[str, int] = {}
        self.outputs: dict[Path, Any] = {}
        self.root = Chain(self, (), plan, value)
        self.standing: Standing = "moving"
        self.go_on()

    def go_on(self) -> None:
        """Begin what is to begin after a release or an answer."""
        self.standing = self.root.stand()

    @property
    def ended(self) -> bool:
        return isinstance(self.standing, Ended)

    @property
    def running(self) -> dict[str, Leaf]:
        """The calls that are under way, by key."""
        return {leaf.key: leaf for leaf in self._leaves() if leaf.standing == "moving"}

    @property
    def waiting(self) -> dict[str, Play]:
        """The steps that wait for an answer, by key."""
        return {
            leaf.key: leaf for leaf in self._leaves() if isinstance(leaf, Play) and leaf.standing == "waiting"
        }

    def _leaves(self) -> Iterator[Leaf]:
        return iter(()) if self.ended else self.root.inside()


@dataclass
class Place:
    """A place that is under way."""

    run: Model
    path: Path

    def stand(self) -> Standing:
        """Begin what is to begin now, and tell how the place stands."""
        raise NotImplementedError

    def inside(self) -> Iterator[Leaf]:
        """The calls of user code in it that move or wait."""
        raise NotImplementedError


# ------------------------------------------------------------------ calls of user code


@dataclass
class Leaf(Place):
    """A call of user code: it moves until it is released; if it waits then, until it is answered."""

    key: str
    standing: Standing = field(default="moving", kw_only=True)

    def __post_init__(self) -> None:
        self.run.entered[self.key] += 1

    def release(self) -> None:
        """Let the function go on to its end."""
        raise NotImplementedError

    def stand(self) -> Standing:
        return self.standing

    def inside(self) -> Iterator[Leaf]:
        if not isinstance(self.standing, Ended):
            yield self


@dataclass
class Play(Leaf):
    """A step."""

    way: Way
    given: Any
    passed: int = 0
    resumed_with: str | None = None
    asked: list[str] = field(default_factory=list)

    def release(self) -> None:
        if self.passed < len(self.way.waits):
            self.standing = "waiting"
        elif self.way.end == "fail":
            self.standing = Ended("fail", f"{self.key} fails")
            return  # what a failed execution has set is dropped
        else:
            output = output_of_step(self.key, self.given, self.resumed_with, self.asked)
            self.standing = Ended("bail" if self.way.end == "bail" else "flow", output)
        self.run.state[self.key] = self.passed

    def answer(self) -> None:
        """Let it be entered again, with what people said."""
        data = answer_to(self.key, self.passed)
        if self.way.waits[self.passed] == "ask":
            self.asked = [*self.asked, data]
        else:
            self.resumed_with = data
        self.passed += 1
        self.standing = "moving"
        self.run.entered[self.key] += 1


@dataclass
class Function(Leaf):
    """The function of a map, which ends as *then*."""

    then: Ended

    def release(self) -> None:
        self.standing = self.then


@dataclass
class Condition(Function):
    """A condition of a branch member or loop round, at whose path its verdict is kept; those of a branch all at once."""

    kept: bool = True


# ------------------------------------------------------------------ workflows


@dataclass
class Fixed(Place):
    """A place that ends as soon as it begins."""

    then: Ended

    def stand(self) -> Standing:
        return self.then

    def inside(self) -> Iterator[Leaf]:
        return iter(())


@dataclass
class Chain(Place):
    """The places of a workflow, one after the other. A bail ends it well."""

    plan: Nested
    init: Any

    def __post_init__(self) -> None:
        self.value = self.init
        self.next = 0
        self.over: Ended | None = None
        self.here: Place = Fixed(self.run, self.path, Ended("flow", self.init))

    def stand(self) -> Standing:
        if self.over is not None:
            return self.over
        while isinstance(at := self.here.stand(), Ended) and at.kind == "flow":
            self.value = at.value
            if self.next:
                self.keep(place_of(self.plan.nodes[self.next - 1]), at)
            if self.next == len(self.plan.nodes):
                break
            self.here = self._begin(self.plan.nodes[self.next])
            self.next += 1
        if isinstance(at, Ended):
            self.over = Ended("flow", at.value) if at.kind == "bail" else at
        return self.over or at

    def inside(self) -> Iterator[Leaf]:
        # What still waits in a workflow that is over is given up.
        return self.here.inside() if self.over is None else iter(())

    def keep(self, id_: str | None, at: Standing) -> None:
        """Keep the output of a place of this workflow for the maps after it."""
        if id_ is not None and isinstance(at, Ended) and at.kind == "flow":
            self.run.outputs[*self.path, id_] = at.value

    def key(self, name: str) -> str:
        """What a function of this workflow knows of where it is: what the first step gave."""
        return f"{name} after {show((*self.path, self.plan.first))}"

    def body(self, plan: Step | Nested, path: Path, value: Any) -> Place:
        if isinstance(plan, Step):
            return Play(self.run, path, show(path), plan.way(path), value)
        return Chain(self.run, path, plan, value)

    def _begin(self, node: Node) -> Place:
        match node:
            case Step() | Nested():
                return self.body(node, (*self.path, node.id), self.value)
            case Map():
                return self._map(node, (*self.path, node.id))
            case Parallel():
                return Block(self.run, self.path, self, node.children, self.value)
            case Branch():
                return Choice(self.run, self.path, self, node, self.value)
            case Loop():
                return Rounds(self.run, (*self.path, node.body.id), self, node, self.value)
            case Foreach():
                return Items(self.run, (*self.path, node.body.id), self, node, self.value)

    def _map(self, plan: Map, path: Path) -> Place:
        earlier = self.run.outputs[*self.path, plan.earlier]
        match plan.kind:
            case "declared":
                output = {"earlier": earlier, "init": self.init, "seven": 7}
                return Fixed(self.run, path, Ended("flow", output))
            case "missing":
                return Fixed(self.run, path, Ended("fail", "invalid_map_path"))
            case "raise":
                then = Ended("fail", f"{plan.id} fails")
            case "function" | "items":
                then = Ended("flow", output_of_map(plan, self.value, self.init, earlier))
        return Function(self.run, path, self.key(plan.id), then)


# ------------------------------------------------------------------ places side by side


def together(at: Sequence[Standing]) -> Standing | None:
    """How places side by side stand; None where all have passed.

    They move as long as one does; then a failure comes before a bail, and a bail before those that wait.
    """
    if "moving" in at:
        return "moving"
    for kind in ("fail", "bail"):
        for end in at:
            if isinstance(end, Ended) and end.kind == kind:
                return end
    return "waiting" if "waiting" in at else None


@dataclass
class Block(Place):
    """Members side by side."""

    chain: Chain
    plans: Sequence[Step | Nested]
    given: Any

    def __post_init__(self) -> None:
        self.members = [self.chain.body(plan, (*self.path, plan.id), self.given) for plan in self.plans]

    def stand(self) -> Standing:
        at = [member.stand() for member in self.members]
        for plan, standing in zip(self.plans, at, strict=True):
            self.chain.keep(plan.id, standing)
        ends = zip(self.plans, at, strict=True)
        return together(at) or Ended("flow", {p.id: end.value for p, end in ends if isinstance(end, Ended)})

    def inside(self) -> Iterator[Leaf]:
        for member in self.members:
            yield from member.inside()


@dataclass
class Choice(Place):
    """A branch: its conditions, one after the other, then a block of the members whose condition was true."""

    chain: Chain
    plan: Branch
    given: Any

    def __post_init__(self) -> None:
        self.chosen: list[Step | Nested] = []
        self.asked = 0
        self.here: Place = self._condition()

    def stand(self) -> Standing:
        while isinstance(self.here, Condition) and isinstance(at := self.here.stand(), Ended):
            if at.kind == "fail":
                return at
            if at.value:
                self.chosen.append(self.plan.children[self.asked])
            self.asked += 1
            over = self.asked == len(self.plan.children)
            self.here = (
                Block(self.run, self.path, self.chain, self.chosen, self.given) if over else self._condition()
            )
        return self.here.stand()

    def inside(self) -> Iterator[Leaf]:
        return self.here.inside()

    def _condition(self) -> Condition:
        name, kind = self.plan.name(self.asked), self.plan.verdicts[self.asked]
        then = (
            Ended("fail", f"{name} fails") if kind == "raise" else Ended("flow", verdict_of(kind, self.given))
        )
        path = (*self.path, self.plan.children[self.asked].id)
        last = self.asked == len(self.plan.children) - 1
        return Condition(self.run, path, self.chain.key(name), then, kept=last or kind == "raise")


@dataclass
class Rounds(Place):
    """A loop. Its condition counts the rounds."""

    chain: Chain
    plan: Loop
    given: Any

    def __post_init__(self) -> None:
        self.done = 0
        self.here = self._body()

    def stand(self) -> Standing:
        while isinstance(at := self.here.stand(), Ended) and at.kind == "flow":
            if isinstance(self.here, Condition):
                if self.done == self.plan.rounds:
                    return Ended("flow", self.given)
                self.here = self._body()
            else:
                self.given = at.value
                self.done += 1
                key = f"{self.chain.key(self.plan.name)} round {self.done}"
                self.here = Condition(self.run, (*self.path, self.done - 1), key, Ended("flow", None))
        return at

    def inside(self) -> Iterator[Leaf]:
        return self.here.inside()

    def _body(self) -> Place:
        return self.chain.body(self.plan.body, (*self.path, self.done), self.given)


@dataclass
class Items(Place):
    """A foreach.

    Items start in order, at most `concurrency` of them move then. Once one waits (all of it does), no further one starts
    until one that has waited has ended. After a failure or bail none starts.
    """

    chain: Chain
    plan: Foreach
    given: list[Any]

    def __post_init__(self) -> None:
        self.begun: list[Place] = []
        self.at: list[Standing] = []
        self.waited: set[int] = set()
        self.blocked = False

    def stand(self) -> Standing:
        self._look()
        while starting := self._may_start():
            for number in range(len(self.begun), len(self.begun) + starting):
                path = (*self.path, number)
                self.begun.append(self.chain.body(self.plan.body, path, self.given[number]))
                self.at.append("moving")
            self._look()
        return together(self.at) or Ended("flow", [end.value for end in self.at if isinstance(end, Ended)])

    def inside(self) -> Iterator[Leaf]:
        for item in self.begun:
            yield from item.inside()

    def _look(self) -> None:
        for number, item in enumerate(self.begun):
            before, now = self.at[number], item.stand()
            self.at[number] = now
            if now == "waiting" and before != "waiting":
                self.waited.add(number)
                self.blocked = True
            elif isinstance(now, Ended) and not isinstance(before, Ended) and number in self.waited:
                self.blocked = False

    def _may_start(self) -> int:
        broken = any(isinstance(end, Ended) and end.kind != "flow" for end in self.at)
        if self.blocked or broken:
            return 0
        room = self.plan.concurrency - self.at.count("moving")
        return max(0, min(room, len(self.given) - len(self.begun)))
