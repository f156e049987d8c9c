"""A result as a table, for notebooks. It shows a moment that has passed: nothing in it claims to be now."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from ..model.duration import lasting
from ..model.path import show
from ..model.values import Json
from .event import Suspension

if TYPE_CHECKING:
    from .result import StepResult, WorkflowResult

# Notebooks have their own looks for tables; only what those get wrong for text is said here.
_LEFT = ' style="text-align:left"'
_NUMBER = re.compile(r"\[\d+\]")
# Letters of a value that are shown.
_ROOM = 200


def to_html(result: WorkflowResult[object]) -> str:
    """*result* as HTML: the steps, how they stand, how long they took, and what waits for whom."""
    questions = _by_place(result.suspensions if result.status == "suspended" else ())
    rows = list(_rows(result.steps, questions))
    rows += [_row(place, "suspended", "", _asks(asked)) for place, asked in questions.items()]
    head = "".join(f"<th{_LEFT}>{title}</th>" for title in ("step", "status", "took", "waits for"))
    return (
        f"<div><p>run <code>{escape(result.run_id)}</code> of <b>{escape(result.workflow_id)}</b>: {result.status}</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{_end(result)}</div>"
    )


def run_to_html(run_id: str, workflow_id: str, seen: WorkflowResult[object] | None) -> str:
    """A handle of a run as HTML: what it last saw, if it has looked."""
    if seen is None:
        told = f"run <code>{escape(run_id)}</code> of <b>{escape(workflow_id)}</b>"
        return f"<div><p>{told}; <code>await run.get_state()</code> tells how it stands</p></div>"
    again = "<p><small>as last seen; <code>await run.get_state()</code> looks again</small></p>"
    return f"<div>{to_html(seen)}{again}</div>"


def _by_place(rows: Sequence[Suspension]) -> dict[str, list[Suspension]]:
    found: dict[str, list[Suspension]] = {}
    for row in rows:
        found.setdefault(show(row.path), []).append(row)
    return found


def _rows(steps: Mapping[str, StepResult], questions: dict[str, list[Suspension]]) -> Iterator[str]:
    """A row a step; takes out of *questions* those that it shows."""
    for place, step in steps.items():
        if step.items is not None:
            told = ", ".join(f"{count} {status}" for status, count in _counts(step.items))
            yield _row(place, f"{step.status} ({told})" if told else step.status, _took(step), "")
            for number, item in enumerate(step.items):
                if asked := questions.pop(f"{place}[{number}]", []):
                    yield _row(f"{place}[{number}]", item.status, _took(item), _asks(asked))
        else:
            # Rows of a loop, and of what is inside it, are those of the last round; the question has its number.
            at = next((path for path in questions if _NUMBER.sub("", path) == place), place)
            yield _row(place, step.status, _took(step), _asks(questions.pop(at, [])))


def _counts(items: Sequence[StepResult]) -> list[tuple[str, int]]:
    return list(Counter(item.status for item in items).items())


def _took(step: StepResult) -> str:
    if step.started_at is None or step.ended_at is None:
        return ""
    return lasting((step.ended_at - step.started_at).total_seconds())


def _asks(rows: Sequence[Suspension]) -> str:
    """What is waited for, as HTML."""
    return "<br/>".join(_ask(row) for row in rows)


def _ask(row: Suspension) -> str:
    until = f" (until {row.deadline:%Y-%m-%d %H:%M} UTC)" if row.deadline is not None else ""
    if row.event is not None:
        return f"event <b>{escape(row.event)}</b>{until}"
    return (escape(_brief(row.payload)) if row.payload is not None else "an answer") + until


def _row(place: str, status: str, took: str, waits: str) -> str:
    """A row; *waits* is HTML, the rest text."""
    cells = [f"<code>{escape(place)}</code>", escape(status), escape(took), waits]
    return "<tr>" + "".join(f"<td{_LEFT}>{cell}</td>" for cell in cells) + "</tr>"


def _end(result: WorkflowResult[object]) -> str:
    match result.status:
        case "success":
            return f"<p>result: <code>{escape(_brief(result.result))}</code></p>"
        case "failed":
            return f"<p>error: <code>{escape(result.error.name)}: {escape(_brief(result.error.message))}</code></p>"
        case "held":
            return f"<p>held: {escape(result.reason or '')}</p>"
        case "suspended" | "canceled" | "pending" | "running" | "waiting":
            return ""


def _brief(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _ROOM else f"{text[: _ROOM - 1]}…"
