"""Outline: a graph as the tree that pages, the command line and notebooks draw.

One tree for all of them, so that they show the same. Its shapes are read by others' code (JavaScript too): new keys may come, those
that are there stay.
"""

from __future__ import annotations

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
from .values import Json


def outline(graph: Graph) -> list[Json]:
    """The nodes of *graph*, which run one after another, as JSON: each has a `kind`, those that can be named an `id`.

    What a node holds is a list of nodes too: `graph` of a nested workflow, `body` of a loop or foreach, each of the `branches`
    of a block. Conditions are told by the name of their function.
    """
    return [_node(node) for node in graph.nodes]


def _node(node: Node) -> Json:
    match node:
        case Single(id=id_):
            return {"kind": "step", "id": id_}
        case Nested(id=id_, graph=graph):
            return {"kind": "workflow", "id": id_, "graph": outline(graph)}
        case Map(id=id_):
            return {"kind": "map", "id": id_}
        case Sleep(id=id_, seconds=seconds):
            return {"kind": "sleep", "id": id_, "seconds": seconds}
        case SleepUntil(id=id_):
            return {"kind": "sleep_until", "id": id_}
        case WaitForEvent(id=id_, event=event):
            return {"kind": "event", "id": id_, "event": event}
        case Loop(id=id_, body=body, condition=when, until=until):
            return {"kind": "loop", "id": id_, "until": until, "when": when, "body": [_node(body)]}
        case Foreach(id=id_, body=body, concurrency=concurrency):
            return {"kind": "foreach", "id": id_, "concurrency": concurrency, "body": [_node(body)]}
        case Parallel() | Branch():
            return _block(node)


def _block(node: Parallel | Branch) -> Json:
    if isinstance(node, Parallel):
        branches = [[_node(child)] for child in node.children]
        return {"kind": "parallel", "branches": branches, "first_answer_wins": node.first_answer_wins}
    told = zip(node.conditions, node.children, strict=True)
    return {"kind": "branch", "branches": [{"when": when, "nodes": [_node(child)]} for when, child in told]}
