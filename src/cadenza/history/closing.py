"""What the closing of a suspension does to its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ..errors import CadenzaError, DeadlinePassed, QuestionWithdrawn
from ..model.path import show
from ..model.values import Json
from . import event as ev


class How(Protocol):
    """With what an answer came."""

    @property
    def actor(self) -> str | None: ...
    @property
    def run_count(self) -> int: ...
    @property
    def context(self) -> Mapping[str, Json]: ...
    @property
    def via(self) -> str | None: ...


def closing(row: ev.Suspension) -> ev.StepAnswered | ev.StepBailed | ev.StepFailed:
    """The event that follows at the place of *row*, which was answered, has expired, or was canceled by somebody."""
    where = show(row.path)
    if row.state == "canceled":
        return ev.StepFailed(path=row.path, error=_failure(QuestionWithdrawn(where, row.actor, row.reason)))
    if row.state == "expired" and row.on_timeout is not None:
        if row.on_timeout.do == "fail":
            waited_for = f"the event {row.event!r}" if row.event is not None else "an answer"
            return ev.StepFailed(
                path=row.path, error=_failure(DeadlinePassed(where, waited_for, row.deadline))
            )
        if row.on_timeout.do == "bail":
            return ev.StepBailed(path=row.path, output=row.on_timeout.data)
    return answer_to(row, row.answer, row)


def answer_to(row: ev.Suspension, data: Json, how: How) -> ev.StepAnswered:
    """The event that follows where *row* is answered with *data*, which came as *how* says."""
    return ev.StepAnswered(
        path=row.path,
        suspension_id=row.id,
        data=data,
        actor=how.actor,
        key=row.key,
        run_count=how.run_count,
        context=how.context,
        via=how.via,
    )


def was_closed(row: ev.Suspension) -> bool:
    """Whether somebody, or time, has closed *row*: its place has something to go on with.

    A row that was closed with its run, by a bail, or because a rival was answered says no `via`.
    """
    return row.state == "answered" or (row.state in {"expired", "canceled"} and row.via is not None)


def _failure(error: CadenzaError) -> ev.Failure:
    return ev.Failure(name=type(error).__name__, message=str(error), code=error.code)
