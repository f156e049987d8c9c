"""Outline: a graph as the tree that pages, the command line and notebooks draw.

One tree for all of them, so that they show the same. Its shapes are read by others' code (JavaScript too): new keys may come, those
that are there stay.
"""

from __future__ import annotations

from .code import text_of
from .graph import (
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
from .members import Members
from .values import Json


def outline(graph: Graph, code: Members | None = None) -> list[Json]:
    """The nodes of *graph*, which run one after another, as JSON: each has a `kind`, those that can be named an `id`.

    What a node holds is a list of nodes too: `graph` of a nested workflow, `body` of a loop or foreach, each of the `branches`
    of a block. Conditions are told by the name of their function; *code*, today's, says of lambdas what they compute.
    """
    return [_node(node, code) for node in graph.nodes]


def _node(node: Node, code: Members | None) -> Json:
    match node:
        case Single(id=id_):
            return {"kind": "step", "id": id_}
        case Nested(id=id_, graph=graph):
            return {"kind": "workflow", "id": id_, "graph": outline(graph, _inside(code, id_))}
        case Map(id=id_):
            return {"kind": "map", "id": id_}
        case Sleep(id=id_, seconds=seconds):
            return {"kind": "sleep", "id": id_, "seconds": seconds}
        case SleepUntil(id=id_):
            return {"kind": "sleep_until", "id": id_}
        case WaitForEvent(id=id_, event=event):
            return {"kind": "event", "id": id_, "event": event}
        case Loop(id=id_, body=body, condition=when, until=until):
            return {
                "kind": "loop",
                "id": id_,
                "until": until,
                "when": _told(when, code),
                "body": [_node(body, code)],
            }
        case Foreach(id=id_, body=body, concurrency=concurrency):
            return {"kind": "foreach", "id": id_, "concurrency": concurrency, "body": [_node(body, code)]}
        case Parallel() | Branch():
            return _block(node, code)


def _block(node: Parallel | Branch, code: Members | None) -> Json:
    if isinstance(node, Parallel):
        branches = [[_node(child, code)] for child in node.children]
        return {"kind": "parallel", "branches": branches, "first_answer_wins": node.first_answer_wins}
    told = zip(node.conditions, node.children, strict=True)
    chosen = [{"when": _told(when, code), "nodes": [_node(child, code)]} for when, child in told]
    return {"kind": "branch", "branches": chosen}


def _inside(code: Members | None, id_: str) -> Members | None:
    found = code.members.get(id_) if code is not None else None
    return found if isinstance(found, Members) else None


def _told(name: str, code: Members | None) -> str:
    fn = code.functions.find(name) if code is not None else None
    # A name that was given says more than the code.
    return name if fn is None or not name.startswith("lambda:") else text_of(fn)
