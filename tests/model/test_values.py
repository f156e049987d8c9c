"""Paths, pauses between retries, map sources, and the border between values and JSON."""

from __future__ import annotations

import math
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza import Retry
from cadenza import errors as err
from cadenza.model.mapping import (
    Constant,
    FromContext,
    FromInit,
    FromStep,
    look_up,
    source_from_json,
    source_of,
    source_to_json,
)
from cadenza.model.path import ids, place_of, scope_of, show, valid_id, within
from cadenza.model.retry import NO_RETRY, retry_from_json, retry_of, retry_to_json
from cadenza.model.values import decode, encode, isolate, plain

# ------------------------------------------------------------------ paths


@pytest.mark.parametrize(
    ("path", "shown", "its_ids", "scope", "place"),
    [
        ((), "", (), (), ()),
        (("a",), "a", ("a",), (), ("a",)),
        (("n", "a"), "n.a", ("n", "a"), ("n",), ("n", "a")),
        (("review", 2), "review[2]", ("review",), (), ("review",)),
        (("n", 2, "y"), "n[2].y", ("n", "y"), ("n", 2), ("n", 2, "y")),
        (("n", 2, "y", 0), "n[2].y[0]", ("n", "y"), ("n", 2), ("n", 2, "y")),
    ],
    ids=repr,
)
def test_a_path_is_shown_and_taken_apart(
    path: Any, shown: str, its_ids: object, scope: object, place: object
) -> None:
    assert (show(path), ids(path), scope_of(path), place_of(path)) == (shown, its_ids, scope, place)


@pytest.mark.parametrize(
    ("path", "outer", "expected"),
    [
        (("a",), (), True),
        (("a",), ("a",), True),
        (("a", "b"), ("a",), True),
        (("a", 1, "b"), ("a", 1), True),
        (("a",), ("a", "b"), False),
        (("ab",), ("a",), False),
        (("a", 1), ("a", 2), False),
    ],
)
def test_a_path_is_within_what_it_begins_with(path: Any, outer: Any, expected: bool) -> None:
    assert within(path, outer) is expected


@pytest.mark.parametrize("id_", ["a", "ä b", "0", "input2", "-"])
def test_an_id_may_be_any_other_text(id_: str) -> None:
    assert valid_id(id_)


# ------------------------------------------------------------------ retries


@pytest.mark.parametrize(
    ("retry", "pauses"),
    [
        (Retry(attempts=3), [0, 0, 0]),
        (Retry(attempts=3, delay=2), [2, 2, 2]),
        (Retry(attempts=4, delay=1, backoff=2), [1, 2, 4, 8]),
        (Retry(attempts=4, delay=1, backoff=10, max_delay=50), [1, 10, 50, 50]),
        (Retry(attempts=3, delay=8, backoff=0.5), [8, 4, 2]),
    ],
    ids=["none", "constant", "doubling", "capped", "shrinking"],
)
def test_pauses_grow_by_the_backoff_up_to_the_longest(retry: Retry, pauses: list[float]) -> None:
    found = [retry.pause(attempt) for attempt in range(1, len(pauses) + 1)]

    assert found == [timedelta(seconds=pause) for pause in pauses]


def test_the_thousandth_pause_is_no_overflow() -> None:
    assert Retry(attempts=9999, delay=1, backoff=1000).pause(9999) == timedelta(hours=1)


def test_a_bare_number_of_retries_takes_the_pauses_of_the_workflow() -> None:
    default = Retry(attempts=1, delay=5, backoff=2, max_delay=60)

    assert retry_of(None, default) == default
    assert retry_of(4, default) == Retry(attempts=4, delay=5, backoff=2, max_delay=60)
    assert retry_of(0, default).attempts == 0
    assert retry_of(Retry(attempts=2), default) == Retry(attempts=2)


@pytest.mark.parametrize("retry", [NO_RETRY, Retry(attempts=3, delay=0.5, backoff=2, max_delay=7)])
def test_a_retry_survives_json(retry: Retry) -> None:
    assert retry_from_json(decode(encode(retry_to_json(retry)))) == retry


@pytest.mark.parametrize(
    "arguments",
    [{"attempts": -1}, {"delay": -1.0}, {"delay": math.nan}],
    ids=["attempts", "negative delay", "no delay"],
)
def test_a_retry_that_makes_no_sense_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises((ValueError, err.DefinitionError)):
        Retry(**arguments)


# ------------------------------------------------------------------ map sources


class Values:
    """What a map may look at."""

    def init(self) -> Any:
        return {"a": {"b": [10, {"c": None}]}, "text": "abc"}

    def context(self) -> Any:
        return {"user": {"name": "ann"}, "dotted.key": 1}

    def output(self, step: str) -> tuple[bool, Any]:
        return {"done": (True, {"x": 1}), "null": (True, None)}.get(step, (False, None))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (Constant(value=[1]), (True, [1])),
        (FromInit(), (True, Values().init())),
        (FromInit(path=""), (True, Values().init())),
        (FromInit(path="a.b.0"), (True, 10)),
        (FromInit(path="a.b.1.c"), (True, None)),
        (FromInit(path="a.nope"), (False, None)),
        (FromInit(path="a.b.7"), (False, None)),
        (FromInit(path="a.b.-1"), (False, None)),
        (FromContext(path="user"), (True, {"name": "ann"})),
        (FromContext(path="user.name"), (True, "ann")),
        (FromContext(path="dotted.key"), (True, 1)),
        (FromContext(path="nope"), (False, None)),
        (FromStep(steps=("done",)), (True, {"x": 1})),
        (FromStep(steps=("nope", "done"), path="x"), (True, 1)),
        (FromStep(steps=("null",)), (True, None)),
    ],
    ids=repr,
)
def test_a_source_finds_its_value_or_leaves_the_key_out(source: Any, found: object) -> None:
    assert look_up(source, Values()) == found


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (FromInit(path="nope.b"), "invalid path 'nope.b' in the workflow's input"),
        (FromInit(path="text.b"), "invalid path 'text.b' in the workflow's input"),
        (FromInit(path="a.b.1.c.d"), "invalid path 'a.b.1.c.d' in the workflow's input"),
        (FromStep(steps=("nope",)), "invalid path '.' in step nope, which has no output"),
        (FromStep(steps=("nope", "neither"), path="x"), "in step nope or neither, which has no output"),
        (FromStep(steps=("null",), path="x"), "invalid path 'x' in step null"),
    ],
    ids=repr,
)
def test_a_path_that_breaks_before_its_last_part_is_an_error(source: Any, message: str) -> None:
    with pytest.raises(err.InvalidMapPath) as refused:
        look_up(source, Values())

    assert message in str(refused.value)


@pytest.mark.parametrize(
    "written",
    [
        {"value": {"a": 1}},
        {"value": None},
        {"init_data": True},
        {"init_data": True, "path": "a.b"},
        {"runtime_context_path": "user"},
        {"request_context_path": "user"},
        {"step": "a"},
        {"step": ["a", "b"], "path": "x"},
        {"fn": lambda scope: 1},
        lambda scope: 2,
    ],
    ids=["value", "null", "init", "init path", "context", "request", "step", "steps", "fn", "function"],
)
def test_every_source_survives_json(written: object) -> None:
    source = source_of("key", written, lambda fn: "name")

    assert source_from_json(decode(encode(source_to_json(source)))) == source


def test_a_constant_that_json_cannot_hold_is_refused_when_it_is_written() -> None:
    with pytest.raises(err.ValueNotKept):
        source_of("key", {"value": math.nan}, lambda fn: "name")


def test_changing_a_constant_later_changes_no_map() -> None:
    value = [1]
    source = source_of("key", {"value": value}, lambda fn: "name")
    value.append(2)

    assert look_up(source, Values()) == (True, [1])  # type: ignore[arg-type]


# ------------------------------------------------------------------ values


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@given(JSON)
def test_a_json_value_is_itself_after_dumping_encoding_and_copying(value: Any) -> None:
    dumped = plain(value, "here")

    assert repr(dumped) == repr(value)
    assert repr(decode(encode(dumped))) == repr(value)
    assert repr(isolate(dumped)) == repr(value)


@given(st.lists(JSON) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), JSON))
def test_a_dumped_value_shares_nothing_with_what_it_came_from(value: Any) -> None:
    assert plain([value], "here")[0] is not value
    assert isolate(value) is not value


@pytest.mark.parametrize(
    ("value", "dumped"),
    [
        (Decimal("1.50"), "1.50"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
        (timedelta(seconds=90), "PT1M30S"),
        ((1, (2,)), [1, [2]]),
        (OrderedDict(z=1, a=2), {"z": 1, "a": 2}),
        ({"a": {1}}, {"a": [1]}),
        (b"text", "text"),
    ],
    ids=["decimal", "datetime", "timedelta", "tuple", "mapping", "set", "bytes"],
)
def test_other_values_are_dumped_by_their_runtime_type(value: object, dumped: object) -> None:
    assert plain(value, "here") == dumped


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([1, {"a": math.inf}], "1.a"),
        ({"a": {None: 1}}, "a"),
        ([["\udfff"]], "0.0"),
        ([{"x": object()}], "0.x"),
        ({"a": {math.nan}}, "a.0"),
    ],
    ids=["infinity", "key", "surrogate", "object", "nan in a set"],
)
def test_what_json_cannot_hold_is_refused_with_its_path(value: object, path: str) -> None:
    with pytest.raises(err.ValueNotKept) as refused:
        plain(value, "here")

    assert refused.value.paths == [path]


@pytest.mark.parametrize("depth", [150, 189])
def test_deep_values_can_be_read_back(depth: int) -> None:
    value: Any = 1
    for _ in range(depth):
        value = [value]

    assert decode(encode(plain(value, "here"))) == value


def test_values_too_deep_to_be_read_back_are_refused() -> None:
    value: Any = 1
    for _ in range(250):
        value = [value]

    with pytest.raises(err.ValueNotKept, match="nested too deeply"):
        plain(value, "here")
