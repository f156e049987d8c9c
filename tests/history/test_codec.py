"""What is written in a journal can be read for years."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza.history import event as ev
from cadenza.history.codec import entry_from_json, entry_to_json, suspension_from_json, suspension_to_json
from cadenza.model.values import decode, encode

EVENTS: tuple[type[Any], ...] = (*get_args(ev.RunEvent), *get_args(ev.StepEvent))

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)
paths = st.lists(text | st.integers(0, 9), max_size=4).map(tuple)
tables = st.dictionaries(text, values, max_size=3)
moments = st.datetimes(timezones=st.just(UTC))
none_or_one = st.lists(values, max_size=1).map(tuple)
refs = st.builds(
    ev.Ref,
    of=st.sampled_from(["output", "input", "item", "block", "list"]),
    path=paths,
    index=st.integers(0, 9),
    ids=st.lists(text, max_size=2).map(tuple),
)
failures = st.builds(
    ev.Failure,
    name=text,
    message=text,
    code=st.none() | text,
    issues=st.lists(st.tuples(text, text), max_size=2).map(tuple),
    trace=st.none() | text,
    final=st.booleans(),
)
patches = st.just(ev.NO_PATCH) | st.builds(ev.Patch, state=tables, context=tables)
suspensions = st.builds(
    ev.Suspension,
    id=text,
    run_id=text,
    path=paths,
    opened_at=moments,
    key=st.none() | text,
    labels=st.lists(text, max_size=2).map(tuple),
    payload=values,
    resume_schema=st.none() | tables,
    answer_type=st.none() | text,
    code=st.none() | text,
    deadline=st.none() | moments,
    on_timeout=st.none()
    | st.builds(ev.OnTimeout, do=st.sampled_from(["answer", "fail", "bail"]), data=values),
    event=st.none() | text,
    match=values,
    due_at=st.none() | moments,
)
spans = st.builds(
    ev.SpanRef,
    trace_id=st.text("0123456789abcdef", min_size=32, max_size=32),
    span_id=st.text("0123456789abcdef", min_size=16, max_size=16),
    flags=st.integers(0, 255),
    state=text,
)

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "fingerprint": text,
    "input": values,
    "run_input": values,
    "state": tables,
    "context": tables,
    "until": moments,
    "result": values | refs,
    "error": failures,
    "target": paths,
    "forget": st.lists(paths, max_size=2).map(tuple),
    "skip": st.lists(paths, max_size=2).map(tuple),
    "verdicts": st.lists(st.tuples(paths, st.booleans()), max_size=2).map(tuple),
    "records": st.lists(st.tuples(paths, values, values), max_size=2).map(tuple),
    "has_input": st.booleans(),
    "resume": none_or_one,
    "path": paths,
    "span": spans,
    "suspension": suspensions,
    "suspension_id": text,
    "patch": patches,
    "read": none_or_one,
    "data": values,
    "actor": st.none() | text,
    "key": text,
    "run_count": st.integers(0, 99),
    "output": values | refs,
    "attempt": st.integers(1, 99),
    "value": values,
    "verdict": st.booleans(),
    "reason": text,
    "crashed": st.booleans(),
    "via": st.none() | text,
}
# The same field means more in these.
SPECIAL: dict[tuple[type[Any], str], st.SearchStrategy[Any]] = {
    (ev.StepStarted, "input"): values | refs,
    (ev.RunSuspended, "until"): st.none() | moments,
    (ev.StepAnswered, "key"): st.none() | text,
    (ev.RunRewound, "state"): st.none() | tables,
}


@st.composite
def an_event(draw: st.DrawFn, kind: type[Any]) -> Any:
    """An event of *kind*; fields that have a default are left out at times."""
    given = {}
    for f in fields(kind):
        optional = f.default is not MISSING or f.default_factory is not MISSING
        if not optional or draw(st.booleans()):
            given[f.name] = draw(SPECIAL.get((kind, f.name), FIELDS[f.name]))
    return kind(**given)


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
@given(data=st.data(), at=moments, seq=st.integers(1, 10**9))
def test_every_event_is_read_as_it_was_written(
    kind: type[Any], data: st.DataObject, at: datetime, seq: int
) -> None:
    entry = ev.Entry(seq=seq, at=at, event=data.draw(an_event(kind)))

    written = encode(entry_to_json(entry))

    assert entry_from_json(seq, decode(written)) == entry
    assert entry_from_json(seq, json.loads(written)) == entry


@given(suspensions)
def test_a_suspension_is_read_as_it_was_written(suspension: ev.Suspension) -> None:
    assert suspension_from_json(decode(encode(suspension_to_json(suspension)))) == suspension


def test_what_is_at_its_default_is_not_written() -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    entry = ev.Entry(seq=1, at=at, event=ev.StepSucceeded(path=("a",), output=None))

    assert entry_to_json(entry) == {
        "type": "StepSucceeded",
        "at": "2026-01-02T00:00:00+00:00",
        "path": ("a",),
        "output": [None],
    }


@pytest.mark.parametrize(
    "value", [{"of": "output", "path": ["a"]}, {"of": "list"}, [1], [], [[]], None], ids=repr
)
def test_a_value_that_looks_like_a_reference_stays_a_value(value: object) -> None:
    entry = ev.Entry(seq=1, at=datetime.now(UTC), event=ev.StepSucceeded(path=("a",), output=value))

    again = entry_from_json(1, decode(encode(entry_to_json(entry))))

    assert again == entry


def test_a_moment_with_another_offset_stays_the_same_moment() -> None:
    at = datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    entry = ev.Entry(seq=1, at=at, event=ev.RunCanceled())

    assert entry_from_json(1, decode(encode(entry_to_json(entry)))).at == at


def test_an_event_of_a_newer_version_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="entry 7 is a 'StepTeleported', which this version does not know"):
        entry_from_json(7, {"type": "StepTeleported", "at": "2026-01-02T00:00:00+00:00"})


def test_a_field_of_a_newer_version_is_left_alone() -> None:
    data = {"type": "RunCanceled", "at": "2026-01-02T00:00:00+00:00", "reason": "tired"}

    assert entry_from_json(1, data).event == ev.RunCanceled()
