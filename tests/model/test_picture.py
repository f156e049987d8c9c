"""The picture of a workflow: the same from Python and from JavaScript."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cadenza.model.picture import count_of, nested_of, picture

DRAW = Path(__file__).parents[1] / "studio" / "draw.mjs"
IDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="./[]@"), min_size=1, max_size=40)
SECONDS = st.one_of(st.none(), st.integers(0, 10**8), st.floats(-5, 1e7, allow_nan=False), st.floats(0, 3))

steps = st.builds(lambda id_: {"kind": "step", "id": id_}, IDS)
leaves = st.one_of(
    steps,
    st.builds(lambda id_: {"kind": "map", "id": id_}, IDS),
    st.builds(lambda id_, seconds: {"kind": "sleep", "id": id_, "seconds": seconds}, IDS, SECONDS),
    st.builds(lambda id_: {"kind": "sleep_until", "id": id_}, IDS),
    st.builds(lambda id_, event: {"kind": "event", "id": id_, "event": event}, IDS, IDS),
)


def _around(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    nodes = st.lists(items, min_size=1, max_size=4)
    workflow = st.builds(lambda id_, graph: {"kind": "workflow", "id": id_, "graph": graph}, IDS, nodes)
    body = st.builds(lambda item: [item], st.one_of(steps, workflow))
    return st.one_of(
        workflow,
        st.builds(
            lambda body, until, when: {
                "kind": "loop",
                "id": body[0]["id"],
                "until": until,
                "when": when,
                "body": body,
            },
            body,
            st.booleans(),
            IDS,
        ),
        st.builds(
            lambda body, many: {"kind": "foreach", "id": body[0]["id"], "concurrency": many, "body": body},
            body,
            st.integers(1, 20),
        ),
        st.builds(
            lambda branches, first: {
                "kind": "parallel",
                "branches": branches,
                "first_answer_wins": first,
            },
            st.lists(nodes, min_size=1, max_size=12),
            st.booleans(),
        ),
        st.builds(
            lambda branches: {"kind": "branch", "branches": branches},
            st.lists(
                st.builds(lambda when, nodes: {"when": when, "nodes": nodes}, IDS, nodes),
                min_size=1,
                max_size=12,
            ),
        ),
    )


outlines = st.lists(st.recursive(leaves, _around, max_leaves=25), min_size=1, max_size=6)


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not here")
def test_python_and_javascript_draw_the_same() -> None:
    asked: list[dict[str, Any]] = []

    @settings(max_examples=300, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(outlines, st.booleans(), st.data())
    def collect(items: list[Any], live: bool, data: st.DataObject) -> None:
        keys = sorted(set(nested_of(items)))
        collapsed = data.draw(st.lists(st.sampled_from(keys), unique=True)) if keys else []
        asked.append({"items": items, "live": live, "collapsed": collapsed})

    collect()
    assert len(asked) >= 300
    drawn = subprocess.run(
        ["node", DRAW], input=json.dumps(asked), capture_output=True, text=True, check=True
    ).stdout

    for question, theirs in zip(asked, json.loads(drawn), strict=True):
        ours = picture(question["items"], live=question["live"], collapsed=question["collapsed"])
        assert json.loads(json.dumps(asdict(ours))) == theirs, question


@settings(max_examples=50)
@given(outlines)
def test_every_place_is_drawn_inside_the_picture(items: list[Any]) -> None:
    drawn = picture(items)

    assert len(drawn.nodes) == count_of(items)
    for box in [*drawn.nodes, *drawn.groups]:
        assert box.x > 0
        assert box.x + box.w < drawn.width
        assert box.y > 0
        assert box.y + box.h < drawn.height
