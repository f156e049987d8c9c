"""What each kind of event does to a snapshot. A stored event means for ever what it means here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..model.path import Path, place_of, within
from ..model.values import Json
from . import event as ev
from .record import RunStatus, StepRecord, StepStatus

if TYPE_CHECKING:
    from .snapshot import Snapshot

# ------------------------------------------------------------------ events of a run


def _run_started(run: Snapshot, event: ev.RunStarted, entry: ev.Entry) -> None:
    run.status = "running"
    run.fingerprint = event.fingerprint
    run.input = event.input
    run.state = dict(event.state)
    run.context = dict(event.context)
    run.started_at = entry.at
    run.requester = event.actor
    _traced(run, event.span)


def _run_resumed(run: Snapshot, event: ev.RunResumed, entry: ev.Entry) -> None:
    if run.status == "running":
        # The leg before was never ended: its driver died. Entries in between mean that it got further.
        run.deaths = run.deaths + 1 if run.taken_up_seq == entry.seq - 1 else 1
        run.taken_up_seq = entry.seq
    run.status = "running"
    run.held, run.crashed = None, False
    run.wake_at = None
    run.context.update(event.context)
    _traced(run, event.span)


def _traced(run: Snapshot, span: ev.SpanRef | None) -> None:
    if span is not None:
        run.span = span
        if run.trace is None or run.trace.trace_id != span.trace_id:
            run.trace = span


def _run_suspended(run: Snapshot, event: ev.RunSuspended, entry: ev.Entry) -> None:
    run.status = "suspended" if run.open else "waiting"
    run.wake_at = event.until


def _run_succeeded(run: Snapshot, event: ev.RunSucceeded, entry: ev.Entry) -> None:
    run.result = run.value(event.result)
    _end(run, "success", entry)


def _run_failed(run: Snapshot, event: ev.RunFailed, entry: ev.Entry) -> None:
    run.error = event.error
    _end(run, "failed", entry)


def _run_held(run: Snapshot, event: ev.RunHeld, entry: ev.Entry) -> None:
    run.status = "held"
    run.held = event.reason
    run.crashed = event.crashed
    run.wake_at = None


def _run_canceled(run: Snapshot, event: ev.RunCanceled, entry: ev.Entry) -> None:
    _end(run, "canceled", entry)


# What the end of a run changes, and nothing else.
CHANGED_BY_END = ("seq", "status", "result", "error", "wake_at", "ended_at", "open")


def _end(run: Snapshot, status: RunStatus, entry: ev.Entry) -> None:
    run.status = status
    run.wake_at = None
    run.ended_at = entry.at
    run.open = {}


def _run_rewound(run: Snapshot, event: ev.RunRewound, entry: ev.Entry) -> None:
    if run.started_at is None:
        run.started_at = entry.at
        run.input = event.run_input
    run.status = "running"
    run.fingerprint = event.fingerprint
    run.held, run.crashed = None, False
    run.result = run.error = run.ended_at = run.wake_at = None
    run.rewinds += 1
    for path in event.forget:
        _forget(run, path)
    run.inputs = {
        path: value
        for path, value in run.inputs.items()
        if not any(within(path, outer) for outer in event.forget)
    }
    if event.has_input:
        run.inputs[event.target] = event.input
    run.resumes = {event.target: event.resume[0]} if event.resume else {}
    run.skipped = set(event.skip)
    run.verdicts.update(event.verdicts)
    for path, payload, output in event.records:
        run.records[path] = StepRecord(
            path=path,
            status="success",
            payload=payload,
            output=output,
            started_at=entry.at,
            ended_at=entry.at,
            ended_seq=entry.seq,
            generation=run.rewinds,
        )
    _reopen(run, event.target)
    # What was left open elsewhere by an end that is undone now stays closed; its place asks again.
    for record in run.records.values():
        if (
            record.status == "suspended"
            and record.suspension is not None
            and record.suspension.id not in run.open
        ):
            record.status = "running"
            record.suspension = None
    if event.state is not None:
        run.state = dict(event.state)
    run.context.update(event.context)
    _traced(run, event.span)


def _reopen(run: Snapshot, target: Path) -> None:
    """Let the containers around *target* be under way again."""
    for depth in range(1, len(target) + 1):
        place = target[: depth - 1]
        if isinstance(number := target[depth - 1], int) and place in run.rounds:
            # The loop is in this round again, and what its condition said of it comes after.
            run.rounds[place] = number
            run.verdicts.pop(target[:depth], None)
        around = run.records.get(target[:depth])
        if around is not None:
            around.status = "running"
            around.output = around.error = around.ended_at = None
            around.bailed = False
            around.attempt = 0


def _forget(run: Snapshot, outer: Path, *, answered_only: bool = False) -> None:
    """Drop what is known at and below *outer*; with *answered_only* below it alone, and `once` keeps its values."""

    def gone(path: Path) -> bool:
        return within(path, outer) and not (answered_only and path == outer)

    def keep(table: dict[Path, Any]) -> dict[Path, Any]:
        return {path: value for path, value in table.items() if not gone(path)}

    run.open = {id_: suspension for id_, suspension in run.open.items() if not gone(suspension.path)}
    run.records = keep(run.records)
    run.verdicts = keep(run.verdicts)
    run.rounds = keep(run.rounds)
    run.answers = keep(run.answers)
    run.asked = keep(run.asked)
    if not answered_only:
        run.remembered = keep(run.remembered)


# ------------------------------------------------------------------ events of a place


def _step_started(run: Snapshot, event: ev.StepStarted, entry: ev.Entry) -> None:
    path = event.path
    payload = run.value(event.input)
    if isinstance(path[-1], int):
        _round_started(run, path)
    run.records[path] = record = StepRecord(
        path=path, status="running", payload=payload, started_at=entry.at, generation=run.rewinds
    )
    if path in run.resumes:
        record.resume_payload = run.resumes.pop(path)
        record.resume_data = (record.resume_payload,)
        record.resumed_at, record.resumed_seq = entry.at, entry.seq


def _round_started(run: Snapshot, path: Path) -> None:
    place = place_of(path)
    if place in run.records:  # a foreach has a record of its own, a loop has not
        return
    number = path[-1]
    assert isinstance(number, int)
    run.rounds[place] = number
    # Of a loop the last round counts; the two before it are still there to travel back to.
    if number >= 3:
        _forget_round(run, (*place, number - 3))


def _forget_round(run: Snapshot, path: Path) -> None:
    if path in run.records:
        for table in (run.records, run.verdicts, run.rounds, run.answers, run.asked, run.remembered):
            _drop_below(table, path)


def _drop_below(table: Any, outer: Path) -> None:
    # A leaf round has nothing below it: the common case costs one look-up.
    table.pop(outer, None)
    for path in [p for p in table if len(p) > len(outer) and within(p, outer)]:
        del table[path]


def _step_waiting(run: Snapshot, event: ev.StepWaiting, entry: ev.Entry) -> None:
    record = run.records[event.path]
    record.status = "waiting"
    record.wake_at = event.until


def _step_suspended(run: Snapshot, event: ev.StepSuspended, entry: ev.Entry) -> None:
    record = run.records[event.path]
    _read(record, event.read)
    _patch(run, event.patch)
    record.status = "suspended"
    record.suspension = event.suspension
    record.suspend_payload = event.suspension.payload
    record.suspended_at = entry.at
    record.suspended_seq = entry.seq
    record.attempt = 0
    record.retry_at = None
    if event.suspension.key is None:
        record.suspend_data = event.suspension.payload
    run.open[event.suspension.id] = event.suspension


def _step_answered(run: Snapshot, event: ev.StepAnswered, entry: ev.Entry) -> None:
    record = run.records[event.path]
    record.status = "running"
    if record.suspension is not None:
        run.asked.setdefault(event.path, {})[event.key] = record.suspension
    record.suspension = None
    record.resumed_at = entry.at
    record.resumed_seq = entry.seq
    record.resume_payload = event.data
    record.run_count = event.run_count
    if event.key is None:
        record.resume_data = (event.data,)
    else:
        run.answers.setdefault(event.path, {})[event.key] = event.data
    run.context.update(event.context)
    run.open.pop(event.suspension_id, None)


def _step_succeeded(run: Snapshot, event: ev.StepSucceeded, entry: ev.Entry) -> None:
    record = run.records[event.path]
    if event.read:
        record.payload = event.read[0]
    record.output = run.value(event.output)
    if event.patch is not ev.NO_PATCH:
        _patch(run, event.patch)
    _step_ended(run, record, "success", entry)


def _step_bailed(run: Snapshot, event: ev.StepBailed, entry: ev.Entry) -> None:
    record = run.records[event.path]
    _read(record, event.read)
    _patch(run, event.patch)
    record.bailed = True
    record.output = run.value(event.output)
    _step_ended(run, record, "success", entry)


def _step_canceled(run: Snapshot, event: ev.StepCanceled, entry: ev.Entry) -> None:
    for path, record in run.records.items():
        if within(path, event.path) and not record.ended:
            record.status = "canceled"
            record.ended_at, record.ended_seq = entry.at, entry.seq
    run.open = {id_: row for id_, row in run.open.items() if not within(row.path, event.path)}


def _step_failed(run: Snapshot, event: ev.StepFailed, entry: ev.Entry) -> None:
    record = run.records[event.path]
    _read(record, event.read)
    record.error = event.error
    _step_ended(run, record, "failed", entry)


def _step_ended(run: Snapshot, record: StepRecord, status: StepStatus, entry: ev.Entry) -> None:
    record.status = status
    record.ended_at = entry.at
    record.ended_seq = entry.seq
    if run.open:
        # What still waited inside a place that is over waits for nothing now.
        path = record.path
        run.open = {
            id_: suspension for id_, suspension in run.open.items() if not within(suspension.path, path)
        }


def _step_retried(run: Snapshot, event: ev.StepRetried, entry: ev.Entry) -> None:
    record = run.records[event.path]
    record.attempt = event.attempt
    record.retry_at = event.until
    record.error = event.error
    _forget(run, event.path, answered_only=True)


def _remembered(run: Snapshot, event: ev.Remembered, entry: ev.Entry) -> None:
    run.remembered.setdefault(event.path, {})[event.key] = event.value


def _evaluated(run: Snapshot, event: ev.Evaluated, entry: ev.Entry) -> None:
    run.verdicts[event.path] = event.verdict


def _read(record: StepRecord, read: tuple[Json, ...]) -> None:
    if read:
        record.payload = read[0]


def _patch(run: Snapshot, patch: ev.Patch) -> None:
    run.state.update(patch.state)
    run.context.update(patch.context)


APPLY: dict[type, Callable[[Snapshot, Any, ev.Entry], None]] = {
    ev.RunStarted: _run_started,
    ev.RunResumed: _run_resumed,
    ev.RunSuspended: _run_suspended,
    ev.RunSucceeded: _run_succeeded,
    ev.RunFailed: _run_failed,
    ev.RunCanceled: _run_canceled,
    ev.RunHeld: _run_held,
    ev.RunRewound: _run_rewound,
    ev.StepStarted: _step_started,
    ev.StepWaiting: _step_waiting,
    ev.StepSuspended: _step_suspended,
    ev.StepAnswered: _step_answered,
    ev.StepCanceled: _step_canceled,
    ev.StepSucceeded: _step_succeeded,
    ev.StepBailed: _step_bailed,
    ev.StepFailed: _step_failed,
    ev.StepRetried: _step_retried,
    ev.Remembered: _remembered,
    ev.Evaluated: _evaluated,
}
