"""A graph is data: it survives JSON, has a fingerprint, and can be drawn."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cadenza import Retry, Scope, Workflow, step, to_mermaid
from cadenza.model.graph import (
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
    from_json,
    inside,
    to_json,
)
from cadenza.model.mapping import Constant, FromContext, FromFunction, FromInit, FromStep


@step
async def a(value: int) -> int:
    return value


@step
async def b(value: int) -> int:
    return value


def is_big(scope: Scope) -> bool:
    return bool(scope.input > 10)


INNER = Graph(workflow="inner", nodes=(Single(id="x"), Sleep(id="sleep@1", seconds=2.5)))

NODES: dict[str, Node] = {
    "single": Single(id="a"),
    "nested": Nested(id="n", graph=INNER, retry=Retry(attempts=2, delay=0.5, backoff=2.0, max_delay=9.0)),
    "sleep": Sleep(id="s", seconds=0.0),
    "sleep-fn": Sleep(id="s", fn="how_long"),
    "sleep-until": SleepUntil(id="s", when=datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)),
    "sleep-until-fn": SleepUntil(id="s", fn="when"),
    "loop": Loop(id="a", body=Single(id="a"), condition="is_big", until=True),
    "loop-nested": Loop(id="n", body=Nested(id="n", graph=INNER), condition="lambda:0123", until=False),
    "foreach": Foreach(id="a", body=Single(id="a"), concurrency=3),
    "foreach-nested": Foreach(id="n", body=Nested(id="n", graph=INNER), concurrency=1),
    "map-fn": Map(id="m", fn="mapper"),
    "map": Map(
        id="map@0",
        sources=(
            ("z", FromStep(steps=("a", "b"), path="x.y")),
            ("a", FromInit(path=".")),
            ("c", FromContext(path="user")),
            ("v", Constant(value={"deep": [1, None, 2**70]})),
            ("f", FromFunction(fn="lambda:ff")),
        ),
    ),
    "map-of-nothing": Map(id="m"),
    "parallel": Parallel(children=(Single(id="a"), Nested(id="n", graph=INNER))),
    "parallel-of-nothing": Parallel(children=()),
    "branch": Branch(children=(Single(id="a"), Single(id="b")), conditions=("is_big", "lambda:01")),
}


@pytest.mark.parametrize("node", NODES.values(), ids=NODES)
def test_every_kind_of_node_survives_json(node: Node) -> None:
    graph = Graph(workflow="flow", nodes=(node,))

    again = from_json(json.loads(json.dumps(to_json(graph))))

    assert again == graph
    assert again.fingerprint == graph.fingerprint


def test_every_kind_of_node_has_a_fingerprint_of_its_own() -> None:
    fingerprints = {Graph(workflow="flow", nodes=(node,)).fingerprint for node in NODES.values()}

    assert len(fingerprints) == len(NODES)


def test_a_graph_of_a_newer_version_is_not_guessed_at() -> None:
    data = {"workflow": "flow", "nodes": [{"kind": "teleport", "id": "a"}]}

    with pytest.raises(ValueError, match="a graph of a newer version: node kind 'teleport'"):
        from_json(data)


def everything() -> Workflow[Any, Any]:
    inner = Workflow("inner", input=int).then(a).then(b).commit()
    return (
        Workflow("flow", input=int)
        .then(a)
        .map(lambda scope: scope.input + 1)
        .parallel([b, inner])
        .map({"x": {"step": b}, "y": {"init_data": True}, "z": {"value": [1]}})
        .branch([(is_big, a.clone(id="c")), (lambda scope: True, a.clone(id="d"))])
        .sleep(timedelta(minutes=1))
        .dountil(a.clone(id="e"), is_big)
        .sleep_until(datetime(2026, 1, 1, tzinfo=UTC))
        .map(lambda scope: [1, 2])
        .foreach(a.clone(id="f"), concurrency=2)
        .commit()
    )


def test_the_fingerprint_is_the_same_whenever_the_same_workflow_is_built() -> None:
    assert everything().graph.fingerprint == everything().graph.fingerprint
    assert len(everything().graph.fingerprint) == 32


def test_committing_again_changes_nothing() -> None:
    flow = everything()
    graph = flow.graph

    assert flow.commit().graph == graph


@pytest.mark.parametrize(
    "change",
    [
        lambda: Workflow("other", input=int).then(a).sleep(1).commit(),
        lambda: Workflow("flow", input=int).then(b).sleep(1).commit(),
        lambda: Workflow("flow", input=int).then(a).sleep(2).commit(),
        lambda: Workflow("flow", input=int).sleep(1).then(a).commit(),
        lambda: Workflow("flow", input=int).then(a).sleep(1, id="pause").commit(),
        lambda: Workflow("flow", input=int).parallel([a]).sleep(1).commit(),
        lambda: Workflow("flow", input=int).dowhile(a, is_big).sleep(1).commit(),
    ],
    ids=["id", "step", "duration", "order", "name", "parallel", "loop"],
)
def test_the_fingerprint_tells_every_change_of_the_shape(change: Any) -> None:
    flow = Workflow("flow", input=int).then(a).sleep(1).commit()

    assert change().graph.fingerprint != flow.graph.fingerprint


def test_what_is_no_shape_changes_no_fingerprint() -> None:
    @step(id="a", retries=3, description="other words")
    async def rewritten(value: int) -> int:
        return value * 100

    before = Workflow("flow", input=int).then(a).commit()
    after = Workflow("flow", input=int, description="new").then(rewritten).commit()

    assert before.graph.fingerprint == after.graph.fingerprint


def test_places_are_what_a_path_can_lead_to_in_order() -> None:
    graph = everything().graph

    assert list(graph.places) == [
        "a",
        "map@1",
        "b",
        "inner",
        "map@3",
        "c",
        "d",
        "sleep@5",
        "e",
        "sleep@7",
        "map@8",
        "f",
    ]
    assert graph.order["b"] == graph.order["inner"] == 2
    nested = inside(graph.places["inner"])
    assert nested is not None
    assert list(nested.places) == ["a", "b"]
    assert inside(graph.places["f"]) is None


def test_a_drawing_names_every_place_and_ends_with_a_line() -> None:
    drawing = to_mermaid(everything().graph)

    assert drawing.startswith("flowchart TD\n")
    assert drawing.endswith("\n")
    for caption in ["map@1", "inner", "e · until is_big", "f · each, 2 at once", "sleep@5"]:
        assert caption in drawing
    assert "{{parallel}}" in drawing
    assert "{{branch}}" in drawing
    assert '-->|"is_big"|' in drawing


def test_a_drawing_of_a_chain_is_a_chain() -> None:
    flow = Workflow("flow", input=int).then(a).then(b).commit()

    assert to_mermaid(flow.graph) == (
        "flowchart TD\n"
        '  start((start)) --> 97_1["a"]\n'
        '  97_1 --> 98_2["b"]\n'
    )  # fmt: skip


def test_every_arrow_of_a_drawing_leads_from_something_drawn_to_something_drawn_once() -> None:
    lines = [line.strip() for line in to_mermaid(everything().graph).splitlines()[1:]]
    arrows = [re.fullmatch(r"(.+?) -->(?:\|\".*?\"\|)? (.+)", line) for line in lines if "-->" in line]
    found = [(arrow[1], arrow[2]) for arrow in arrows if arrow is not None]
    drawn = {"start((start))", *(target for _, target in found)}

    assert len(found) == sum("-->" in line for line in lines)
    for source, _ in found:
        assert any(target == source or target.startswith(f"{source}[") for target in drawn), source
    assert len({name.partition("[")[0] for name in drawn}) == len(drawn)
    assert sum(line.startswith("subgraph") for line in lines) == lines.count("end") == 1


def test_what_users_call_their_steps_cannot_break_a_drawing() -> None:
    odd = a.clone(id='say "hi" <b>')
    flow = Workflow("flow", input=int).then(odd).commit()

    drawing = to_mermaid(flow.graph)

    assert '"say "hi"' not in drawing
