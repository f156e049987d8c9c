"""The expression language means what SCENARIO.md, section 2, says."""

from __future__ import annotations

from typing import Any

import pytest

from .language import Thrown, evaluate, is_true

ROOTS: dict[str, Any] = {
    "input": {"n": 1, "list": [10, {"k": "deep"}], "none": None, "0": "key"},
    "steps": {"a": {"v": 5}}.get,
    "calls": 3,
}


@pytest.mark.parametrize(
    ("expr", "value"),
    [
        (7, 7),
        (None, None),
        (True, True),
        ("plain", "plain"),
        ("$$calls", "$calls"),
        ("$calls", 3),
        ("$input.list.1.k", "deep"),
        ("$input.0", "key"),
        ("$input.list.9", None),
        ("$input.list.-1", None),
        ("$input.list.k", None),
        ("$input.n.deeper", None),
        ("$input.none.x", None),
        ("$nothing.at.all", None),
        ("$steps.a.v", 5),
        ("$steps.b.v", None),
        (["$calls", {"@add": [1, 2]}], [3, 3]),
        ({"a": "$calls", "@b": 1}, {"a": 3, "@b": 1}),
    ],
)
def test_references_never_fail_and_structures_are_evaluated_inside(expr: Any, value: Any) -> None:
    assert evaluate(expr, ROOTS) == value


@pytest.mark.parametrize(
    ("expr", "value"),
    [
        ({"@add": [1, 2, 3]}, 6),
        ({"@sub": [10, 2, 3]}, 5),
        ({"@mul": [2, 3.5]}, 7),
        ({"@mod": [7, 4]}, 3),
        ({"@mod": [-7, 4]}, -3),
        ({"@mod": [7, -4]}, 3),
        ({"@mod": [1, 0]}, None),
        ({"@add": [1, "2"]}, None),
        ({"@add": [1, True]}, None),
        ({"@add": [1, None]}, None),
        ({"@add": []}, None),
        ({"@mul": [1e308, 10]}, None),
        ({"@concat": ["a", 1, 1.0, None, True, {"k": [1.5]}]}, 'a11nulltrue{"k":[1.5]}'),
        ({"@concat": "é"}, "é"),
        ({"@merge": [{"a": 1, "b": 1}, None, {"b": 2}]}, {"a": 1, "b": 2}),
        ({"@append": [[1], 2, 3]}, [1, 2, 3]),
        ({"@append": [None, 2]}, [2]),
        ({"@len": ["$input.list"]}, 2),
        ({"@len": "$input.list"}, 2),
        ({"@len": [None]}, 0),
        ({"@sum": [[1, 2.5]]}, 3.5),
        ({"@sum": [None]}, 0),
        ({"@sum": [[1, "x"]]}, None),
        ({"@pluck": [[{"k": 1}, {}, 5], "k"]}, [1, None, None]),
        ({"@range": [3]}, [0, 1, 2]),
        ({"@range": [0]}, []),
        ({"@or_else": [None, 1]}, 1),
        ({"@or_else": [False, 1]}, False),
        ({"@if": [True, 1, 2]}, 1),
        ({"@if": [1, 1, 2]}, 2),
        ({"@if": [False, 1]}, None),
        ({"@has": [0]}, True),
        ({"@has": "$input.none"}, False),
        ({"@not": [1]}, True),
        ({"@not": [True]}, False),
        ({"@and": [True, True]}, True),
        ({"@and": [True, 1]}, False),
        ({"@or": [1, "x"]}, False),
        ({"@or": [False, True]}, True),
    ],
)
def test_each_operator_gives_its_value(expr: Any, value: Any) -> None:
    found = evaluate(expr, ROOTS)
    assert (found, type(found) is bool) == (value, type(value) is bool)


@pytest.mark.parametrize(
    ("expr", "value"),
    [
        ({"@eq": [1, 1.0]}, True),
        ({"@eq": [1, True]}, False),
        ({"@eq": [[1, {"a": True}], [1, {"a": 1}]]}, False),
        ({"@eq": [{"a": 1, "b": 2}, {"b": 2, "a": 1}]}, True),
        ({"@eq": ["$input.gone", None]}, True),
        ({"@ne": [{"a": 1}, {"a": 1, "b": None}]}, True),
        ({"@gt": [2, 1]}, True),
        ({"@ge": [1, 1.0]}, True),
        ({"@lt": ["a", "b"]}, True),
        ({"@le": [2, 1]}, False),
        ({"@gt": [2, "1"]}, False),
        ({"@gt": [1, None]}, False),
        ({"@le": [None, None]}, False),
        ({"@ge": [True, False]}, False),
    ],
)
def test_comparisons_are_strict_about_types(expr: Any, value: bool) -> None:
    assert evaluate(expr, ROOTS) is value


def test_a_reference_is_a_copy() -> None:
    found = evaluate("$input.list", ROOTS)
    found.append("changed")
    assert len(ROOTS["input"]["list"]) == 2


@pytest.mark.parametrize(
    ("given", "message"), [("bad", "bad"), (["$calls"], "3"), ([{"k": None}], '{"k":null}')]
)
def test_throw_raises_with_its_message(given: Any, message: str) -> None:
    with pytest.raises(Thrown, match=f"^{message}$"):
        evaluate({"@throw": given}, ROOTS)


def test_all_arguments_are_evaluated_also_those_that_are_not_chosen() -> None:
    with pytest.raises(Thrown):
        evaluate({"@if": [True, 1, {"@throw": "x"}]}, ROOTS)


def test_only_true_is_true() -> None:
    assert [is_true(expr, ROOTS) for expr in (True, 1, "yes", "$calls", {"@has": 1})] == [
        True,
        False,
        False,
        False,
        True,
    ]
