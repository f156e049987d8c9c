"""The tree of a graph that pages, the command line and notebooks draw."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cadenza import Workflow, step
from cadenza.model.outline import outline
from cadenza.model.scope import Scope


@step
async def one(value: int) -> int:
    return value


@step
async def two(value: int) -> int:
    return value


def big(scope: Scope) -> bool:
    return bool(scope.input > 1)


def small(scope: Scope) -> bool:
    return bool(scope.input < 1)


def flow(id_: str = "flow") -> Workflow[Any, Any]:
    return Workflow(id_, input=Any)


inner = flow("inner").then(one).commit()

ONE = {"kind": "step", "id": "one"}
TWO = {"kind": "step", "id": "two"}
INNER = {"kind": "workflow", "id": "inner", "graph": [ONE]}


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        pytest.param(lambda w: w.then(one), ONE, id="step"),
        pytest.param(lambda w: w.then(inner), INNER, id="workflow"),
        pytest.param(lambda w: w.map({"a": {"value": 1}}, id="m"), {"kind": "map", "id": "m"}, id="map"),
        pytest.param(lambda w: w.map(lambda _: 1), {"kind": "map", "id": "map@0"}, id="map without an id"),
        pytest.param(
            lambda w: w.sleep(timedelta(minutes=1), id="s"),
            {"kind": "sleep", "id": "s", "seconds": 60.0},
            id="sleep",
        ),
        pytest.param(
            lambda w: w.sleep(lambda _: 1, id="s"),
            {"kind": "sleep", "id": "s", "seconds": None},
            id="sleep of a length that a function gives",
        ),
        pytest.param(
            lambda w: w.sleep_until(datetime(2026, 1, 1, tzinfo=UTC), id="s"),
            {"kind": "sleep_until", "id": "s"},
            id="sleep until",
        ),
        pytest.param(
            lambda w: w.wait_for_event("paid", id="e"),
            {"kind": "event", "id": "e", "event": "paid"},
            id="event",
        ),
        pytest.param(
            lambda w: w.parallel([inner, two]),
            {"kind": "parallel", "branches": [[INNER], [TWO]], "first_answer_wins": False},
            id="parallel",
        ),
        pytest.param(
            lambda w: w.parallel([one, two], first_answer_wins=True),
            {"kind": "parallel", "branches": [[ONE], [TWO]], "first_answer_wins": True},
            id="parallel in which the first answer wins",
        ),
        pytest.param(
            lambda w: w.branch([(big, inner), (small, two)]),
            {
                "kind": "branch",
                "branches": [{"when": "big", "nodes": [INNER]}, {"when": "small", "nodes": [TWO]}],
            },
            id="branch",
        ),
        pytest.param(
            lambda w: w.dountil(one, big),
            {"kind": "loop", "id": "one", "until": True, "when": "big", "body": [ONE]},
            id="loop until",
        ),
        pytest.param(
            lambda w: w.dowhile(inner, small),
            {"kind": "loop", "id": "inner", "until": False, "when": "small", "body": [INNER]},
            id="loop while, over a workflow",
        ),
        pytest.param(
            lambda w: w.foreach(inner, concurrency=3),
            {"kind": "foreach", "id": "inner", "concurrency": 3, "body": [INNER]},
            id="foreach",
        ),
    ],
)
def test_each_kind_of_node_has_its_shape(
    build: Callable[[Workflow[Any, Any]], Workflow[Any, Any]], expected: dict[str, Any]
) -> None:
    found = outline(build(flow()).commit().graph)
    assert found == [expected]
    assert json.loads(json.dumps(found)) == found


def test_nodes_stand_in_the_order_in_which_they_run() -> None:
    graph = flow().then(one).sleep(1, id="s").then(two).commit().graph
    assert [node["id"] for node in outline(graph)] == ["one", "s", "two"]
