"""The schemas of the scenarios, as Cadenza reads them: SCENARIO.md, section 1.2."""

from __future__ import annotations

from typing import Any

import pytest

from cadenza.errors import InvalidInput
from cadenza.model.schema import Schema

from .schemas import type_of

N = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
CLOSED = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}


def check(schema: dict[str, Any], value: Any) -> Any:
    return Schema.of(type_of(schema)).check(value, InvalidInput, "here")


def paths(schema: dict[str, Any], value: Any) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        check(schema, value)
    return caught.value.paths


@pytest.mark.parametrize(
    ("schema", "value", "read"),
    [
        ({}, {"any": [1]}, {"any": [1]}),
        ({"type": "integer"}, 1.0, 1),
        ({"type": "number"}, 2, 2),
        ({"type": "number"}, 2.5, 2.5),
        ({"type": "string", "enum": ["a", "b"]}, "b", "b"),
        ({"type": "string", "minLength": 2}, "ab", "ab"),
        ({"type": "array"}, [1, "x"], [1, "x"]),
        ({"type": "array", "items": N}, [{"n": 1, "x": 2}], [{"n": 1}]),
        (N, {"n": 1.0, "drop": 2}, {"n": 1}),
        ({**N, "additionalProperties": True}, {"n": 1, "keep": 2}, {"n": 1, "keep": 2}),
        (CLOSED, {}, {}),
        (
            {"type": "object", "properties": {"d": {"type": "integer", "default": 5}}, "required": ["d"]},
            {},
            {"d": 5},
        ),
        ({"type": "object", "properties": {"o": {**N, "default": {"n": 1}}}}, {}, {"o": {"n": 1}}),
    ],
)
def test_a_valid_value_is_replaced_by_the_one_that_was_read(
    schema: dict[str, Any], value: Any, read: Any
) -> None:
    found = check(schema, value)
    assert (found, type(found)) == (read, type(read))


@pytest.mark.parametrize(
    ("schema", "value", "where"),
    [
        ({"type": "integer"}, "5", [""]),
        ({"type": "integer"}, 1.5, [""]),
        ({"type": "integer"}, True, [""]),
        ({"type": "number"}, "1", [""]),
        ({"type": "number"}, True, [""]),
        ({"type": "boolean"}, 1, [""]),
        ({"type": "boolean"}, "yes", [""]),
        ({"type": "string"}, 1, [""]),
        ({"type": "string", "enum": ["a"]}, "b", [""]),
        ({"type": "string", "minLength": 2}, "a", [""]),
        ({"type": "integer", "minimum": 1, "maximum": 3}, 4, [""]),
        ({"type": "number", "minimum": 1}, 0.5, [""]),
        ({"type": "array", "items": {"type": "number"}}, [1, "x", None], ["1", "2"]),
        ({"type": "array"}, {}, [""]),
        (N, [], [""]),
        (N, None, [""]),
        (N, {}, ["n"]),
        (N, {"n": None}, ["n"]),
        ({"type": "object", "properties": {"o": N}}, {"o": None}, ["o"]),
        ({"type": "object", "properties": {"o": N}}, {"o": {}}, ["o.n"]),
        (CLOSED, {"x": 1}, [""]),
        (CLOSED, {"n": "bad", "x": 1}, ["", "n"]),
        (
            {"type": "object", "properties": {"o": CLOSED}, "additionalProperties": False},
            {"o": {"x": 1}},
            ["o"],
        ),
    ],
)
def test_what_does_not_fit_is_refused_where_it_stands(
    schema: dict[str, Any], value: Any, where: list[str]
) -> None:
    assert paths(schema, value) == where


def test_a_default_is_not_shared_between_values() -> None:
    schema = {"type": "object", "properties": {"l": {"type": "array", "default": []}}}
    reading = Schema.of(type_of(schema))
    reading.read({}, InvalidInput, "here")["l"].append(1)
    assert reading.read({}, InvalidInput, "here") == {"l": []}
