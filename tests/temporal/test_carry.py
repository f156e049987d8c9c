"""What a run takes along into another execution."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cadenza.engine.temporal.carry import NOT_CARRIED, carry, taken_from
from cadenza.history import event as ev
from cadenza.history.record import StepRecord
from cadenza.history.snapshot import Snapshot

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ASKED = ev.Suspension(
    id="q1", run_id="r", workflow="pay", path=("a",), opened_at=AT, payload={"amount": 1}, labels=("l",)
)
OPEN = replace(ASKED, id="q2", path=("each", 1), key="ok", deadline=AT + timedelta(days=1))
ERROR = ev.Failure(name="ValueError", message="no", code="step_failed")


def _record(**values: Any) -> StepRecord:
    return StepRecord(
        **{"path": ("a",), "status": "running", "payload": [1], "started_at": AT, "generation": 1} | values
    )


# Something in each field that it does not hold from the start.
FULL: dict[str, Any] = {
    "seq": 9,
    "status": "suspended",
    "fingerprint": "f",
    "input": {"z": 1, "a": 2},
    "state": {"s": [1]},
    "context": {"c": 1},
    "result": [3],
    "error": ERROR,
    "records": {
        ("a",): _record(
            status="success",
            output={"z": 1, "a": 2},
            bailed=True,
            error=ERROR,
            attempt=1,
            retry_at=AT,
            wake_at=AT,
            suspend_payload={"amount": 1},
            suspended_at=AT,
            suspended_seq=2,
            resumed_at=AT,
            resumed_seq=3,
            resume_payload=True,
            resume_data=(True,),
            suspend_data={"amount": 1},
            run_count=1,
            ended_at=AT,
            ended_seq=4,
        ),
        ("each", 1): _record(path=("each", 1), status="suspended", suspension=OPEN),
    },
    "verdicts": {("loop", 0): True},
    "rounds": {("loop",): 1},
    "answers": {("each", 1): {"first": 1}},
    "asked": {("a",): {None: ASKED, "first": ASKED}},
    "remembered": {("a",): {"paid": 2}},
    "inputs": {("a",): 1},
    "resumes": {("a",): None},
    "skipped": {("b",)},
    "open": {"q2": OPEN},
    "span": ev.SpanRef(trace_id="0" * 32, span_id="0" * 16, flags=1),
    "trace": ev.SpanRef(trace_id="0" * 32, span_id="0" * 16, flags=1),
    "rewinds": 1,
    "held": "why",
    "crashed": True,
    "requester": "ann",
    "deaths": 1,
    "taken_up_seq": 5,
    "wake_at": AT,
    "started_at": AT,
    "ended_at": AT,
}


def test_a_run_takes_along_all_that_is_known_of_it() -> None:
    assert FULL.keys() == {field.name for field in fields(Snapshot)}
    fresh = Snapshot()
    assert [name for name, value in FULL.items() if value == getattr(fresh, name)] == []
    rows = [
        replace(ASKED, state="answered", answer=True, actor="ann", via="inbox", closed_at=AT, run_count=1),
        replace(OPEN, claimed_by="bob", claimed_at=AT, told=2),
    ]

    run, taken = taken_from(json.loads(json.dumps(carry(Snapshot(**FULL), rows))))

    assert list(taken.values()) == rows
    assert {name: getattr(run, name) for name in FULL if name not in NOT_CARRIED} == {
        name: value for name, value in FULL.items() if name not in NOT_CARRIED
    }
    assert (run.span, run.trace) == (None, None)


def test_each_field_of_a_record_is_tried() -> None:
    plain = _record()
    for field in fields(StepRecord):
        required = field.name in {"payload", "started_at", "generation"}
        tried = [
            getattr(record, field.name) != getattr(plain, field.name) for record in FULL["records"].values()
        ]
        assert required or any(tried), field.name


def test_what_an_older_version_carried_is_read() -> None:
    data = carry(Snapshot(**{**FULL, "asked": {}, "crashed": False}), [ASKED, OPEN])
    assert {"asked", "crashed"}.isdisjoint(data)
    run, _ = taken_from(data)
    assert (run.asked, run.crashed) == ({}, False)
