"""The nodes of a workflow, as data: they name steps, conditions and mappers and never hold code.

So a graph can be pinned in a run, drawn, compared with today's, and walked by any engine. A change here changes what
stored runs look like: read what older versions wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import TypeAlias

from .mapping import Source, source_from_json, source_to_json
from .retry import NO_RETRY, Retry, retry_from_json, retry_to_json
from .values import Json, encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """One step."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Nested:
    """A workflow used as a step. `retry` is that of the workflow around it: it starts this one anew."""

    id: str
    graph: Graph
    retry: Retry = NO_RETRY


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleep:
    """A pause. `seconds`, or the name of a function that gives a number of seconds or a timedelta."""

    id: str
    seconds: float | None = None
    fn: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SleepUntil:
    """A pause until a moment. `when`, or the name of a function that gives one."""

    id: str
    when: datetime | None = None
    fn: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """The body, again and again: until the condition is true (`until`), or while it is."""

    id: str
    body: Single | Nested
    condition: str
    until: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreach:
    """The body once per item of the input list, at most `concurrency` of them running at once."""

    id: str
    body: Single | Nested
    concurrency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """The next input, built from references, or by the function `fn`."""

    id: str
    sources: tuple[tuple[str, Source], ...] = ()
    fn: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitForEvent:
    """A wait for an event of the name `event`, at most `timeout` seconds; its data is the output.

    `match` names a function whose value an event is compared with; without it that is what reached the place.
    """

    id: str
    event: str
    timeout: float | None = None
    match: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel:
    """All children at once; the output is {id: output} in this order.

    With `first_answer_wins` the first child in which somebody answers closes the questions of the others, which end there.
    """

    children: tuple[Single | Nested, ...]
    first_answer_wins: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Every child whose condition is true, at once; the output is {id: output} of those."""

    children: tuple[Single | Nested, ...]
    conditions: tuple[str, ...]


Place: TypeAlias = Single | Nested | Sleep | SleepUntil | WaitForEvent | Loop | Foreach | Map
Node: TypeAlias = Place | Parallel | Branch


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The shape of one workflow."""

    workflow: str
    nodes: tuple[Node, ...]

    @cached_property
    def fingerprint(self) -> str:
        """What tells this shape from any other: 32 hex digits."""
        return sha256(encode(to_json(self))).hexdigest()[:32]

    @cached_property
    def places(self) -> dict[str, Place]:
        """The places of this workflow by id, in order; what is inside nested ones is theirs."""
        return {place.id: place for place in _places(self.nodes)}

    @cached_property
    def races(self) -> tuple[Parallel, ...]:
        """The blocks of this workflow in which the first answer wins."""
        return tuple(node for node in self.nodes if isinstance(node, Parallel) and node.first_answer_wins)

    @cached_property
    def order(self) -> dict[str, int]:
        """At which node of this workflow each place stands; members of one block share a number."""
        return {place.id: i for i, node in enumerate(self.nodes) for place in _places((node,))}


def _places(nodes: tuple[Node, ...]) -> Iterator[Place]:
    for node in nodes:
        if isinstance(node, Parallel | Branch):
            yield from node.children
        else:
            yield node


def inside(place: Place) -> Graph | None:
    """The graph of the nested workflow at *place*, also where a loop or foreach repeats it."""
    body = place.body if isinstance(place, Loop | Foreach) else place
    return body.graph if isinstance(body, Nested) else None


def to_json(graph: Graph) -> Json:
    """*graph* as JSON; `from_json` reads it."""
    return {"workflow": graph.workflow, "nodes": [_node_to_json(node) for node in graph.nodes]}


def _node_to_json(node: Node) -> Json:
    match node:
        case Single(id=id_):
            return {"kind": "step", "id": id_}
        case Nested(id=id_, graph=graph, retry=retry):
            return {"kind": "workflow", "id": id_, "graph": to_json(graph), "retry": retry_to_json(retry)}
        case Sleep(id=id_, seconds=seconds, fn=fn):
            return {"kind": "sleep", "id": id_, "seconds": seconds, "fn": fn}
        case SleepUntil(id=id_, when=when, fn=fn):
            return {"kind": "sleep_until", "id": id_, "when": when.isoformat() if when else None, "fn": fn}
        case Loop(id=id_, body=body, condition=condition, until=until):
            return {
                "kind": "loop",
                "id": id_,
                "body": _node_to_json(body),
                "condition": condition,
                "until": until,
            }
        case Foreach(id=id_, body=body, concurrency=concurrency):
            return {"kind": "foreach", "id": id_, "body": _node_to_json(body), "concurrency": concurrency}
        case Map(id=id_, sources=sources, fn=fn):
            return {
                "kind": "map",
                "id": id_,
                "sources": [[k, source_to_json(s)] for k, s in sources],
                "fn": fn,
            }
        case WaitForEvent(id=id_, event=event, timeout=timeout, match=match):
            return {"kind": "wait_for_event", "id": id_, "event": event, "timeout": timeout, "match": match}
        case Parallel() | Branch():
            return _block_to_json(node)


def _block_to_json(node: Parallel | Branch) -> Json:
    children = [_node_to_json(child) for child in node.children]
    if isinstance(node, Branch):
        return {"kind": "branch", "children": children, "conditions": list(node.conditions)}
    # Left out where it is not so: the fingerprints of other blocks do not change.
    first = {"first_answer_wins": True} if node.first_answer_wins else {}
    return {"kind": "parallel", "children": children, **first}


def from_json(data: Json) -> Graph:
    """The graph that `to_json` wrote."""
    return Graph(workflow=data["workflow"], nodes=tuple(_node_from_json(node) for node in data["nodes"]))


def _node_from_json(data: Json) -> Node:
    match data["kind"]:
        case "sleep":
            return Sleep(id=data["id"], seconds=data["seconds"], fn=data["fn"])
        case "sleep_until":
            when = datetime.fromisoformat(data["when"]) if data["when"] else None
            return SleepUntil(id=data["id"], when=when, fn=data["fn"])
        case "loop":
            return Loop(
                id=data["id"],
                body=_body_from_json(data["body"]),
                condition=data["condition"],
                until=data["until"],
            )
        case "foreach":
            return Foreach(id=data["id"], body=_body_from_json(data["body"]), concurrency=data["concurrency"])
        case "map":
            sources = tuple((key, source_from_json(source)) for key, source in data["sources"])
            return Map(id=data["id"], sources=sources, fn=data["fn"])
        case "wait_for_event":
            return WaitForEvent(
                id=data["id"], event=data["event"], timeout=data["timeout"], match=data["match"]
            )
        case "parallel":
            return Parallel(
                children=tuple(_body_from_json(child) for child in data["children"]),
                first_answer_wins=data.get("first_answer_wins", False),
            )
        case "branch":
            children = tuple(_body_from_json(child) for child in data["children"])
            return Branch(children=children, conditions=tuple(data["conditions"]))
        case _:
            return _body_from_json(data)


def _body_from_json(data: Json) -> Single | Nested:
    if data["kind"] == "step":
        return Single(id=data["id"])
    if data["kind"] == "workflow":
        return Nested(id=data["id"], graph=from_json(data["graph"]), retry=retry_from_json(data["retry"]))
    raise ValueError(f"a graph of a newer version: node kind {data['kind']!r}")


def to_mermaid(graph: Graph) -> str:
    """*graph* as a Mermaid flowchart, top down."""
    lines = ["flowchart TD"]
    _draw(graph, "", lines, ["start((start))"])
    return "\n".join(lines) + "\n"


def _draw(graph: Graph, prefix: str, lines: list[str], before: list[str]) -> list[str]:
    for number, node in enumerate(graph.nodes):
        if isinstance(node, Parallel | Branch):
            labels = node.conditions if isinstance(node, Branch) else ("",) * len(node.children)
            gate = f"{prefix}g{number}{{{{{_gate(node)}}}}}"
            lines += [f"  {source} --> {gate}" for source in before]
            before = []
            for child, label in zip(node.children, labels, strict=True):
                before += _draw_place(child, prefix, lines, [gate], label)
            before = before or [gate]
        else:
            before = _draw_place(node, prefix, lines, before, "")
    return before


def _gate(node: Parallel | Branch) -> str:
    if isinstance(node, Branch):
        return "branch"
    return "first answer wins" if node.first_answer_wins else "parallel"


def _draw_place(place: Place, prefix: str, lines: list[str], before: list[str], label: str) -> list[str]:
    name = f"{prefix}{sum(map(ord, place.id))}_{len(lines)}"
    arrow = f'-->|"{_escaped(label)}"|' if label else "-->"
    if (graph := inside(place)) is not None:
        lines.append(f'  subgraph {name} ["{_caption(place)}"]')
        gate = f"{name}_in(( ))"
        ends = _draw(graph, f"{name}_", lines, [gate])
        lines.append("  end")
        lines += [f"  {source} {arrow} {gate}" for source in before]
        return ends
    shape = f'{name}["{_caption(place)}"]'
    lines += [f"  {source} {arrow} {shape}" for source in before]
    return [name]


def _caption(place: Place) -> str:
    match place:
        case Loop(id=id_, condition=condition, until=until):
            return _escaped(f"{id_} · {'until' if until else 'while'} {condition}")
        case Foreach(id=id_, concurrency=concurrency):
            return _escaped(f"{id_} · each, {concurrency} at once")
        case WaitForEvent(id=id_, event=event):
            return _escaped(f"{id_} · waits for {event}")
        case Single() | Nested() | Sleep() | SleepUntil() | Map():
            return _escaped(place.id)


def _escaped(text: str) -> str:
    """*text* inside a quoted label of Mermaid, which has entities of its own."""
    return "".join(f"#{ord(c)};" if c in '"#<>&`\\' or not c.isprintable() else c for c in text)
