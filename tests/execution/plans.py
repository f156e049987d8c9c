"""Plans: workflows as plain data, and how to draw random ones.

From a plan `stage.py` builds a real workflow, and `reference.py` tells what it should do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal, TypeAlias
from zlib import crc32

from hypothesis import strategies as st

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True)
class Way:
    """What a step does: it waits in these ways, one after the other, and then ends so."""

    waits: tuple[Literal["suspend", "ask"], ...] = ()
    end: Literal["done", "fail", "bail"] = "done"


@dataclass(frozen=True)
class Step:
    """A step. Which of its ways it goes is told by the rounds and items on its path."""

    id: str
    ways: tuple[Way, ...]

    def way(self, path: Path) -> Way:
        return self.ways[sum(part for part in path if isinstance(part, int)) % len(self.ways)]


@dataclass(frozen=True)
class Map:
    """`function`, `items` and `raise` call code, `declared` and `missing` are references to *earlier* and the input."""

    id: str
    kind: Literal["function", "items", "raise", "declared", "missing"]
    earlier: str
    size: int = 0


@dataclass(frozen=True)
class Nested:
    """A workflow. It begins with a step, so that the functions in it can tell by her output where they are."""

    id: str
    nodes: tuple[Node, ...]

    @property
    def first(self) -> str:
        assert isinstance(self.nodes[0], Step)
        return self.nodes[0].id


@dataclass(frozen=True)
class Parallel:
    children: tuple[Step | Nested, ...]


@dataclass(frozen=True)
class Branch:
    children: tuple[Step | Nested, ...]
    verdicts: tuple[Literal["yes", "no", "odd", "raise"], ...]

    def name(self, i: int) -> str:
        return f"if-{self.children[i].id}"


@dataclass(frozen=True)
class Loop:
    body: Step | Nested
    rounds: int
    until: bool

    @property
    def name(self) -> str:
        return f"again-{self.body.id}"


@dataclass(frozen=True)
class Foreach:
    """Stands behind a map of kind `items`."""

    body: Step | Nested
    concurrency: int


Node: TypeAlias = Step | Map | Nested | Parallel | Branch | Loop | Foreach


# ------------------------------------------------------------------ what workflow and model both compute


def show(path: Path) -> str:
    return "/".join(map(str, path))


def digest(value: Any) -> int:
    """A number that stands for *value*: outputs tell what came in, and stay small."""
    return crc32(json.dumps(value, sort_keys=True).encode())


def output_of_step(key: str, given: Any, resumed_with: str | None, asked: list[str]) -> Any:
    return {"by": key, "in": digest(given), "resumed_with": resumed_with, "asked": asked}


def output_of_map(plan: Map, given: Any, init: Any, earlier: Any) -> Any:
    found = digest([given, init, earlier])
    return [f"{found}:{i}" for i in range(plan.size)] if plan.kind == "items" else {plan.id: found}


def verdict_of(kind: str, given: Any) -> bool:
    return kind == "yes" or (kind == "odd" and digest(given) % 2 == 1)


def answer_to(key: str, number: int) -> str:
    """What people answer to question *number* of the step *key*."""
    return f"{key} answer {number}"


# ------------------------------------------------------------------ drawing


@dataclass(frozen=True)
class Sort:
    """How wild plans may be."""

    breaks: bool = True


WAITS = st.sampled_from(
    [(), (), ("suspend",), ("ask",), ("suspend", "ask"), ("ask", "suspend"), ("suspend",) * 2]
)
ENDS = st.sampled_from(["done"] * 6 + ["fail", "bail"])


@st.composite
def plans(draw: st.DrawFn, *, breaks: bool = True) -> Nested:
    """A random workflow; without *breaks* nothing in it fails or bails."""
    return _workflow(draw, count(1), 2, breaks=breaks)


def _workflow(draw: st.DrawFn, numbers: Iterator[int], depth: int, *, breaks: bool) -> Nested:
    id_ = f"w{next(numbers)}"
    first = _step(draw, numbers, breaks=breaks)
    nodes: list[Node] = [first]
    earlier = [first.id]
    for _ in range(draw(st.integers(1, 3) if depth == 2 else st.integers(0, 2))):
        kinds = ["foreach", "parallel", "branch", "loop", "step", "map"]
        match draw(st.sampled_from(kinds)):
            case "step":
                nodes.append(_body(draw, numbers, depth, breaks=breaks))
            case "map":
                kind = draw(
                    st.sampled_from(["function", "declared", *(["raise", "missing"] if breaks else [])])
                )
                nodes.append(Map(f"m{next(numbers)}", kind, draw(st.sampled_from(earlier))))
            case "parallel":
                nodes.append(Parallel(_bodies(draw, numbers, depth, breaks=breaks)))
            case "branch":
                children = _bodies(draw, numbers, depth, breaks=breaks)
                verdict = st.sampled_from(["yes", "yes", "odd", "no", *(["raise"] if breaks else [])])
                nodes.append(Branch(children, tuple(draw(verdict) for _ in children)))
            case "loop":
                body = _body(draw, numbers, depth, breaks=breaks)
                nodes.append(Loop(body, draw(st.integers(1, 3)), draw(st.booleans())))
            case "foreach":
                size, concurrency = draw(st.integers(0, 4)), draw(st.integers(1, 3))
                nodes.append(Map(f"m{next(numbers)}", "items", draw(st.sampled_from(earlier)), size))
                nodes.append(Foreach(_body(draw, numbers, depth, breaks=breaks), concurrency))
        earlier += [id_ for id_ in [place_of(nodes[-1])] if id_ is not None]
    return Nested(id_, tuple(nodes))


def place_of(node: Node) -> str | None:
    """The id under which the output of *node* is kept; blocks have none."""
    match node:
        case Step() | Map() | Nested():
            return node.id
        case Loop() | Foreach():
            return node.body.id
        case Parallel() | Branch():
            return None


def _bodies(
    draw: st.DrawFn, numbers: Iterator[int], depth: int, *, breaks: bool
) -> tuple[Step | Nested, ...]:
    return tuple(_body(draw, numbers, depth, breaks=breaks) for _ in range(draw(st.integers(1, 3))))


def _body(draw: st.DrawFn, numbers: Iterator[int], depth: int, *, breaks: bool) -> Step | Nested:
    if depth and draw(st.integers(0, 2)) == 2:
        return _workflow(draw, numbers, depth - 1, breaks=breaks)
    return _step(draw, numbers, breaks=breaks)


def _step(draw: st.DrawFn, numbers: Iterator[int], *, breaks: bool) -> Step:
    ways = [Way(draw(WAITS), draw(ENDS) if breaks else "done") for _ in range(draw(st.integers(1, 3)))]
    return Step(f"s{next(numbers)}", tuple(ways))
