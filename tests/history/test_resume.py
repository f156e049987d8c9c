"""What a resume request means: pure functions of a path, a snapshot and rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cadenza import Workflow, step
from cadenza import errors as err
from cadenza.history.event import Suspension
from cadenza.history.record import StepRecord
from cadenza.history.resume import ResumeRequest, matches, refuse, resolve, target_of
from cadenza.history.snapshot import Snapshot
from cadenza.model.graph import Foreach, Graph, Loop, Nested, Single

AT = datetime(2026, 1, 2, tzinfo=UTC)


@step
async def approve(value: int) -> int:
    return value


nested = Workflow("nested", input=int).then(approve).commit()


@pytest.mark.parametrize(
    ("given", "target"),
    [
        (None, None),
        (approve, ("approve",)),
        (nested, ("nested",)),
        ("approve", ("approve",)),
        ("nested.approve", ("nested", "approve")),
        ("review[2]", ("review", 2)),
        ("n[2].y[0].z", ("n", 2, "y", 0, "z")),
        ("", ()),
        ([], ()),
        ([approve], ("approve",)),
        ([nested, approve], ("nested", "approve")),
        (["nested", approve], ("nested", "approve")),
        (("n", 2, "y"), ("n", 2, "y")),
        (["review", 0], ("review", 0)),
        (Suspension(id="s1", run_id="r", path=("a",), opened_at=AT), "#s1"),
    ],
    ids=repr,
)
def test_a_target_is_named_in_many_ways(given: Any, target: object) -> None:
    assert target_of(given) == target


@pytest.mark.parametrize(
    ("target", "path", "expected"),
    [
        (("a",), ("a",), True),
        (("n",), ("n", "x"), True),
        (("n", "x"), ("n", "x"), True),
        (("x",), ("n", "x"), False),
        (("n", "y"), ("n", "x"), False),
        (("n", "x"), ("n",), False),
        (("a", "b"), ("a",), False),
        ((), ("a",), False),
        # rounds and items may be left out, or given
        (("f",), ("f", 2), True),
        (("f", 2), ("f", 2), True),
        (("f", 1), ("f", 2), False),
        (("f", 2), ("f",), False),
        (("n", "y"), ("n", 2, "y"), True),
        (("n", 2, "y"), ("n", 2, "y"), True),
        (("n", 1, "y"), ("n", 2, "y"), False),
        (("n",), ("n", 2, "y", 0), True),
        (("n", "y", 0), ("n", 2, "y", 0), True),
        (("n", 2, "y"), ("n", 2, "y", 0), True),
        (("n", 0, "y"), ("n", "y", 0), False),
        # a text is no number
        (("f", "2"), ("f", 2), False),
    ],
    ids=repr,
)
def test_a_target_matches_what_is_at_or_below_it(target: Any, path: Any, expected: bool) -> None:
    assert matches(target, path) is expected


def snapshot_of(*rows: Suspension) -> Snapshot:
    snapshot = Snapshot(seq=9, status="suspended", started_at=AT)
    for row in rows:
        snapshot.records[row.path] = StepRecord(
            path=row.path, status="suspended", payload=None, started_at=AT, generation=0, suspension=row
        )
        if row.state == "open":
            snapshot.open[row.id] = row
    return snapshot


def row(id_: str, *path: str | int, labels: tuple[str, ...] = (), **more: Any) -> Suspension:
    return Suspension(id=id_, run_id="r", path=path, opened_at=AT, labels=labels, **more)


INNER = Graph(workflow="n", nodes=(Single(id="x"), Foreach(id="y", body=Single(id="y"), concurrency=2)))
GRAPH = Graph(
    workflow="flow",
    nodes=(
        Single(id="a"),
        Foreach(id="f", body=Single(id="f"), concurrency=9),
        Foreach(id="n", body=Nested(id="n", graph=INNER), concurrency=9),
        Loop(id="l", body=Nested(id="l", graph=INNER), condition="c", until=True),
    ),
)


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        (ResumeRequest(step=("a",)), ["a"]),
        (ResumeRequest(step=("f",)), ["f0", "f2"]),
        (ResumeRequest(step=("f",), for_each_index=2), ["f2"]),
        (ResumeRequest(step=("f", 2)), ["f2"]),
        (ResumeRequest(step=("n", "y")), ["n0y1", "n3y1", "n3y2"]),
        (ResumeRequest(step=("n", "y"), for_each_index=3), ["n3y1", "n3y2"]),
        (ResumeRequest(step=("n", 3, "y", 1)), ["n3y1"]),
        (ResumeRequest(step=("n", "x")), ["n1x"]),
        (ResumeRequest(step=("n",), for_each_index=1), ["n1x"]),
        (ResumeRequest(step=("l", "y")), ["l4y0"]),
        (ResumeRequest(step=("l", "y"), for_each_index=0), ["l4y0"]),
        (ResumeRequest(label="one"), ["f0"]),
        (ResumeRequest(label="one", step=("f",), for_each_index=0), ["f0"]),
        (ResumeRequest(suspension_id="n3y2"), ["n3y2"]),
        (ResumeRequest(suspension_id="n3y2", step=("n",)), ["n3y2"]),
    ],
    ids=repr,
)
def test_a_request_finds_its_suspensions(request_: ResumeRequest, found: list[str]) -> None:
    rows = [
        row("a", "a"),
        row("f0", "f", 0, labels=("one",)),
        row("f2", "f", 2),
        row("n0y1", "n", 0, "y", 1),
        row("n1x", "n", 1, "x"),
        row("n3y1", "n", 3, "y", 1),
        row("n3y2", "n", 3, "y", 2),
        row("l4y0", "l", 4, "y", 0),
    ]

    assert [r.id for r in resolve(request_, "r", snapshot_of(*rows), rows, GRAPH)] == found


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("answered", err.AlreadyAnswered),
        ("expired", err.SuspensionExpired),
        ("canceled", err.SuspensionCanceled),
        ("superseded", err.SuspensionSuperseded),
    ],
)
def test_a_row_that_is_not_open_refuses_an_answer_by_its_state(
    state: Any, error: type[err.SuspensionError]
) -> None:
    closed = row("s1", "n", 2, "y", state=state, actor="ann", closed_at=AT)

    with pytest.raises(error, match=r"n\[2\]\.y") as refused:
        refuse(closed)
    with pytest.raises(error):
        resolve(ResumeRequest(suspension_id="s1"), "r", snapshot_of(), [closed], GRAPH)

    assert refused.value.suspension_id == "s1"


def test_an_open_row_refuses_nothing() -> None:
    refuse(row("s1", "a"))


def test_an_answer_whose_step_has_not_ended_is_known_by_who_gave_it() -> None:
    answered = row("s1", "a", state="answered", actor="ann", closed_at=AT)
    snapshot = snapshot_of(answered)

    for request in (ResumeRequest(step=("a",)), ResumeRequest(), ResumeRequest(step=("a",), label=None)):
        with pytest.raises(err.AlreadyAnswered) as refused:
            resolve(request, "r", snapshot, [answered], GRAPH)
        assert refused.value.actor == "ann"


def test_an_answer_whose_step_has_ended_is_forgotten() -> None:
    answered = row("s1", "a", state="answered", actor="ann", closed_at=AT)
    waiting = row("s2", "f", 0)
    snapshot = snapshot_of(answered, waiting)
    snapshot.records[("a",)].status = "success"

    with pytest.raises(err.StepNotSuspended, match="a is not suspended; these are: f"):
        resolve(ResumeRequest(step=("a",)), "r", snapshot, [answered, waiting], GRAPH)
    assert resolve(ResumeRequest(), "r", snapshot, [answered, waiting], GRAPH) == [waiting]
