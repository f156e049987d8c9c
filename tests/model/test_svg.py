"""A workflow as SVG, for files and for notebooks."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from cadenza import Scope, Workflow, step
from cadenza.model.graph import Branch, Graph, Single
from cadenza.model.svg import to_svg

SVG = "{http://www.w3.org/2000/svg}"


@step
async def ask(value: int) -> int:
    return value


@step
async def pay(value: int) -> int:
    return value


def is_dear(scope: Scope) -> bool:
    return bool(scope.input > 1)


def flow() -> Workflow[Any, Any]:
    nested = Workflow("approval", input=Any).then(ask).commit()
    return (
        Workflow("payment", input=Any)
        .then(nested)
        .branch([(is_dear, pay)])
        .sleep(90)
        .map(lambda scope: [scope.input])
        .foreach(pay.clone(id="send"), concurrency=4)
        .wait_for_event("paid")
        .commit()
    )


def words(drawing: str) -> list[str]:
    return [text.strip() for text in ElementTree.fromstring(drawing).itertext()]


def test_a_drawing_names_the_workflow_and_all_that_is_in_it() -> None:
    found = words(to_svg(flow().graph))

    assert found[0] == "Workflow payment"
    for word in [
        "approval",
        "ask",
        "branch",
        "is_dear",
        "pay",
        "sleep@2",
        "pause of 1 min 30 s",
        "map@3",
        "send",
    ]:
        assert word in found
    assert {"for each", "4 at once", "event@5", "waits for paid"} <= set(found)


def test_a_drawing_has_a_box_for_each_place_and_stands_on_its_own() -> None:
    root = ElementTree.fromstring(to_svg(flow().graph))
    classes = [box.get("class") for box in root.iter(f"{SVG}rect")]

    assert classes.count("box") == 7  # six places and a condition
    assert classes.count("group") == 2
    assert classes.count("group soft") == 1
    assert root.find(f"{SVG}style") is not None
    assert "prefers-color-scheme:dark" in to_svg(flow().graph)
    assert not [part for part in root.iter() if part.tag == f"{SVG}image" or part.get("href")]


@settings(max_examples=50)
@given(st.text(min_size=1), st.text(min_size=1))
def test_no_name_can_break_a_drawing(name: str, when: str) -> None:
    graph = Graph(
        workflow=name, nodes=(Branch(children=(Single(id=name),), conditions=(when,)), Single(id="b"))
    )

    root = ElementTree.fromstring(to_svg(graph).encode())

    assert [box.get("class") for box in root.iter(f"{SVG}rect")] == ["bg", "group soft", "box", "box", "box"]


def test_markup_in_a_name_is_shown_as_it_is_written() -> None:
    drawing = to_svg(Graph(workflow="<b>&", nodes=(Single(id="</text><script>"),)))

    assert "<script" not in drawing
    assert {"Workflow <b>&", "</text><script>"} <= set(words(drawing))


def test_a_notebook_shows_the_drawing_of_a_workflow_that_is_committed() -> None:
    assert to_svg(flow().graph) in (flow()._repr_html_() or "")
    assert Workflow("open", input=int).then(ask)._repr_html_() is None
