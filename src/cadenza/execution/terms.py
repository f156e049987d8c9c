"""The terms of a question: its labels, until when it is open, what then happens, who is reminded, and who may answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from typing_extensions import TypedDict

from ..errors import InvalidDeadline, InvalidOnTimeout
from ..history.event import OnTimeout, Suspension
from ..model.duration import Duration, duration_of
from ..model.graph import WaitForEvent
from ..model.path import Path
from ..model.schema import Schema
from ..model.values import Json


class Timeout(Enum):
    """What may follow a deadline beside an answer."""

    FAIL = "fail"
    BAIL = "bail"


FAIL: Final = Timeout.FAIL
BAIL: Final = Timeout.BAIL


class Terms(TypedDict, total=False):
    """What `ask` and `suspend` take beside the question.

    `label`: one name or several. `deadline`: a duration from when it is asked (`"3d"`, a timedelta, seconds) or an aware
    datetime. `on_timeout`: what follows the deadline: an answer, checked when it is asked, `FAIL` (the step fails with
    `DeadlinePassed`) or `BAIL` (the workflow ends with success and no result); without it the question stays open.
    `remind_after`: durations after which the app's "reminder" hooks are called. `assign`: who may answer, one name or several.
    `exclude_requester`: who started the run may not answer.
    """

    label: str | Sequence[str]
    deadline: Duration | datetime | None
    on_timeout: Any
    remind_after: Sequence[Duration]
    assign: str | Sequence[str]
    exclude_requester: bool


_KNOWN = frozenset(Terms.__annotations__)


def fields_of(terms: Terms, schema: Schema, now: datetime, where: str, *, tell: bool) -> dict[str, Any]:
    """*terms* as fields of a suspension that is opened *now*; *schema* is that of its answer, *tell* whether hooks want it.

    Raises `InvalidDeadline`, `InvalidDuration` and `InvalidOnTimeout`; `TypeError` where a term is not known: what is misspelled
    must not be left out in silence.
    """
    if unknown := terms.keys() - _KNOWN:
        raise TypeError(
            f"{where}: a question has no {', '.join(map(repr, sorted(unknown)))}; it has {', '.join(sorted(_KNOWN))}"
        )
    deadline = _moment(terms.get("deadline"), now, where)
    remind_at = sorted(now + duration_of(after) for after in terms.get("remind_after", ()))
    if "on_timeout" in terms and deadline is None:
        raise InvalidDeadline(where, "on_timeout= says what follows a deadline; give deadline= too")
    return {
        "labels": _names(terms.get("label")),
        "assigned": _names(terms.get("assign")),
        "exclude_requester": terms.get("exclude_requester", False),
        "deadline": deadline,
        "on_timeout": _on_timeout(terms, schema, where),
        "remind_at": tuple(remind_at),
        "due_at": now if tell else min([*remind_at, *([deadline] if deadline else [])], default=None),
    }


def question_for_event(
    node: WaitForEvent,
    path: Path,
    match: Json,
    now: datetime,
    *,
    id_: str,
    run_id: str,
    workflow: str,
    brings: tuple[Json, str | None],
    tell: bool,
) -> Suspension:
    """A suspension at *path* that waits for the event of *node*, which *brings* that: JSON Schema and name of its type."""
    schema, type_name = brings
    deadline = None if node.timeout is None else now + timedelta(seconds=node.timeout)
    return Suspension(
        id=id_,
        run_id=run_id,
        workflow=workflow,
        path=path,
        opened_at=now,
        event=node.event,
        match=match,
        resume_schema=schema,
        answer_type=type_name,
        deadline=deadline,
        on_timeout=None if deadline is None else OnTimeout(do="fail"),
        due_at=now if tell else deadline,
    )


def _moment(given: Duration | datetime | None, now: datetime, where: str) -> datetime | None:
    if given is None:
        return None
    if not isinstance(given, datetime):
        return now + duration_of(given)
    if given.tzinfo is None:
        raise InvalidDeadline(where, f"{given!r} has no time zone; write datetime(..., tzinfo=UTC)")
    return given


def _on_timeout(terms: Terms, schema: Schema, where: str) -> OnTimeout | None:
    if "on_timeout" not in terms:
        return None
    given = terms["on_timeout"]
    if given is FAIL:
        return OnTimeout(do="fail")
    if given is BAIL:
        return OnTimeout(do="bail")
    return OnTimeout(do="answer", data=schema.check(given, InvalidOnTimeout, where))


def _names(given: str | Sequence[str] | None) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given or ())
