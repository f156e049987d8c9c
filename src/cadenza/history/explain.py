"""Explaining a run to people: what it waits for and since when, what then happens, what stands behind it, what went wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from ..model.graph import Branch, Graph, Node, Parallel, inside
from ..model.path import Path, show
from .event import Failure, OnTimeout, Suspension
from .record import ENDED, RunStatus, StepRecord
from .snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenQuestion:
    """A question that waits. `may_answer` is empty where anybody may; `blocks` are the places that come after it."""

    suspension_id: str
    step: str
    since: datetime
    question: object
    event: str | None
    may_answer: tuple[str, ...]
    not_the_requester: str | None
    claimed_by: str | None
    deadline: datetime | None
    then: str
    blocks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A place that sleeps, pauses before its next try, or runs (`until` is None). `attempt` counts from 1."""

    step: str
    since: datetime
    until: datetime | None
    attempt: int
    last_error: Failure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a run stands where it does. `str()` says it in words.

    `can_continue` says whether today's code can go on with it, None where it has ended; `obstacle` why not.
    """

    run_id: str
    workflow_id: str
    status: RunStatus
    questions: tuple[OpenQuestion, ...] = ()
    sleeping: tuple[Pending, ...] = ()
    retrying: tuple[Pending, ...] = ()
    running: tuple[Pending, ...] = ()
    last_error: tuple[str, Failure] | None = None
    driver: str | None = None
    can_continue: bool | None = None
    obstacle: str | None = None
    now: datetime = field(kw_only=True)

    def __str__(self) -> str:
        lines = [f"run {self.run_id} of {self.workflow_id} is {self.status}"]
        for question in self.questions:
            lines += _question_lines(question, self.now)
        for place in self.sleeping:
            lines.append(f"  {place.step} sleeps until {_at(place.until)}")
        for place in self.retrying:
            error = f": {place.last_error.message}" if place.last_error is not None else ""
            lines.append(
                f"  {place.step} is tried again at {_at(place.until)}, attempt {place.attempt}{error}"
            )
        for place in self.running:
            lines.append(f"  {place.step} runs since {_at(place.since)}, attempt {place.attempt}")
        if self.last_error is not None:
            step, failure = self.last_error
            lines.append(f"  last error, at {step}: {failure.name}: {failure.message}")
        if self.obstacle is not None:
            lines.append(f"  today's code cannot continue it: {self.obstacle}")
        elif self.can_continue:
            lines.append("  today's code can continue it")
        return "\n".join(lines)


def explain(
    run_id: str,
    workflow_id: str,
    snapshot: Snapshot,
    rows: Iterable[Suspension],
    graph: Graph,
    *,
    now: datetime,
    driver: str | None = None,
    obstacle: str | None = None,
) -> Explanation:
    """What there is to say of a run; *obstacle* is why today's code cannot go on with it, where it cannot."""
    open_rows = [row for row in rows if row.state == "open" and row.id in snapshot.open]
    under_way = [
        record
        for record in _innermost(snapshot)
        if record.status in {"running", "waiting"} and snapshot.status not in ENDED
    ]
    sleeping = [_pending(record, record.wake_at) for record in under_way if record.status == "waiting"]
    running = [record for record in under_way if record.status == "running"]
    ahead = [record for record in running if record.retry_at is not None and record.retry_at > now]
    return Explanation(
        run_id=run_id,
        workflow_id=workflow_id,
        status=snapshot.status,
        questions=tuple(_question(row, snapshot, graph) for row in open_rows),
        sleeping=tuple(sleeping),
        retrying=tuple(_pending(record, record.retry_at) for record in ahead),
        running=tuple(_pending(record, None) for record in running if record not in ahead),
        last_error=_last_error(snapshot),
        driver=driver,
        can_continue=None if snapshot.status in ENDED else obstacle is None,
        obstacle=None if snapshot.status in ENDED else obstacle,
        now=now,
    )


def _innermost(snapshot: Snapshot) -> list[StepRecord]:
    """The records of places that nothing is known inside of: containers are under way because of what is in them."""
    around = {path[:depth] for path in snapshot.records for depth in range(1, len(path))}
    return [record for path, record in snapshot.records.items() if path not in around]


def _pending(record: StepRecord, until: datetime | None) -> Pending:
    return Pending(
        step=show(record.path),
        since=record.resumed_at or record.started_at,
        until=until,
        attempt=record.attempt + 1,
        last_error=record.error,
    )


def _last_error(snapshot: Snapshot) -> tuple[str, Failure] | None:
    failed = [record for record in _innermost(snapshot) if record.error is not None]
    last = max(failed, key=lambda record: record.ended_at or record.started_at, default=None)
    if last is not None and last.error is not None:
        return show(last.path), last.error
    return ("the run", snapshot.error) if snapshot.error is not None else None


def _question(row: Suspension, snapshot: Snapshot, graph: Graph) -> OpenQuestion:
    return OpenQuestion(
        suspension_id=row.id,
        step=show(row.path),
        since=row.opened_at,
        question=row.payload,
        event=row.event,
        may_answer=row.assigned,
        not_the_requester=snapshot.requester if row.exclude_requester else None,
        claimed_by=row.claimed_by,
        deadline=row.deadline,
        then=_then(row.deadline, row.on_timeout),
        blocks=tuple(_behind(row.path, graph)),
    )


def _then(deadline: datetime | None, on_timeout: OnTimeout | None) -> str:
    if deadline is None:
        return "it waits for as long as it takes"
    if on_timeout is None:
        return "it goes on waiting"
    match on_timeout.do:
        case "fail":
            return "the step fails"
        case "bail":
            return "the workflow around ends with success"
        case "answer":
            return f"it is answered with {on_timeout.data!r}"


def _behind(path: Path, graph: Graph) -> list[str]:
    """The places that come after *path*: in its workflow, then in those around it, from the inside out."""
    behind: list[list[str]] = []
    here: Graph | None = graph
    for depth, part in enumerate(path):
        if isinstance(part, int) or here is None:
            continue
        number = here.order.get(part)
        if number is not None:
            prefix = path[:depth]
            behind.append([show((*prefix, id_)) for node in here.nodes[number + 1 :] for id_ in _ids(node)])
        place = here.places.get(part)
        here = inside(place) if place is not None else None
    return [name for names in reversed(behind) for name in names]


def _ids(node: Node) -> list[str]:
    return [child.id for child in node.children] if isinstance(node, Parallel | Branch) else [node.id]


def _question_lines(question: OpenQuestion, now: datetime) -> list[str]:
    what = f"the event {question.event!r}" if question.event is not None else "an answer"
    lines = [
        f"  {question.step} waits for {what} since {_at(question.since)} ({_long(now - question.since)})"
    ]
    if question.may_answer:
        lines.append(f"    may answer: {', '.join(question.may_answer)}")
    if question.not_the_requester is not None:
        lines.append(f"    not by who asked for the run: {question.not_the_requester}")
    if question.claimed_by is not None:
        lines.append(f"    claimed by {question.claimed_by}")
    if question.deadline is not None:
        lines.append(f"    until {_at(question.deadline)}, then {question.then}")
    if question.blocks:
        lines.append(f"    behind it: {', '.join(question.blocks)}")
    return lines


def _at(when: datetime | None) -> str:
    return when.isoformat(sep=" ", timespec="seconds") if when is not None else "some time"


def _long(span: object) -> str:
    return str(span).partition(".")[0]
