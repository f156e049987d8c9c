"""Saying how a run stands: its status, what came of it, its open questions, and how to answer them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from ..model.path import show
from .form import sketch
from .out import brief, compact, document, local, paint, say, span
from .shapes import result_json
from .target import Where

if TYPE_CHECKING:
    from ..history.event import Suspension
    from ..history.result import WorkflowResult

# What a command says with its exit code, by the status of its run.
CODES = {"success": 0, "failed": 1, "canceled": 4, "held": 5}
WAITS = 3


def tell_result(result: WorkflowResult[object], where: Where, *, kept: bool = True) -> int:
    """Print how the run stands; the exit code. *kept* is whether its store outlives this process."""
    if where.json:
        document(result_json(result))
    else:
        say(f"run {result.run_id} of {result.workflow_id}: {paint(result.status)}")
        _tell_end(result)
        if result.status == "suspended":
            for row in result.suspensions:
                tell_question(row, where, alone=len(result.suspensions) == 1, answerable=kept)
            if not kept:
                say(
                    "It is kept in memory and ends with this process; name a store with --store sqlite:///runs.db."
                )
    return CODES.get(result.status, WAITS)


def _tell_end(result: WorkflowResult[object]) -> None:
    match result.status:
        case "success":
            say(f"result: {compact(result.result)}")
        case "failed":
            say(f"error: {result.error.name}: {result.error.message}")
            for path, message in result.error.issues:
                say(f"  {path or '(the value itself)'}: {message}")
        case _:
            pass


def tell_question(row: Suspension, where: Where, *, alone: bool = False, answerable: bool = True) -> None:
    """Print one open question, and the command that answers it."""
    asked = f" ({row.key})" if row.key else ""
    say()
    say(f"  {paint(show(row.path), 'yellow')}{asked}, open for {span(row.opened_at)}")
    for line in question_lines(row):
        say(f"    {line}")
    if not answerable:
        return
    if row.event is not None:
        say(
            f"    send:     cadenza events send {shlex.quote(row.event)} --run {row.run_id} --data '…'{where.options}"
        )
        return
    data = shlex.quote(compact(sketch(row.resume_schema)))
    named = "" if alone else f" --suspension {row.id}"
    say(f"    answer:   cadenza resume {shlex.quote(row.run_id)}{named} --data {data}{where.options}")


def question_lines(row: Suspension) -> list[str]:
    """What there is to know before answering: the question, and its terms."""
    lines: list[str] = []
    if isinstance(row.payload, dict) and row.payload:
        room = max(len(name) for name in row.payload)
        for name, value in row.payload.items():
            lines.append(f"{name.ljust(room)}  {brief(value, 1000)}")
    elif row.payload is not None:
        lines.append(brief(row.payload, 1000))
    if row.event is not None:
        lines.append(f"waits for the event {row.event!r}")
    if row.deadline is not None:
        then = f", then: {_then(row)}" if row.on_timeout is not None else ""
        lines.append(f"deadline: {local(row.deadline)}{then}")
    if row.assigned:
        lines.append(f"for:      {', '.join(row.assigned)}")
    if row.claimed_by is not None:
        lines.append(f"claimed:  by {row.claimed_by}, {local(row.claimed_at)}")
    return lines


def _then(row: Suspension) -> str:
    assert row.on_timeout is not None
    if row.on_timeout.do == "answer":
        return f"it counts as answered {compact(row.on_timeout.data)}"
    return {"fail": "the step fails", "bail": "the workflow ends"}[row.on_timeout.do]
