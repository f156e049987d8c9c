"""Timeline: where a run has been and since when, for those who look at it. Made of its journal alone.

A snapshot knows how a run stands; this also knows what was before: when each place ran, waited and slept, and all rounds of a
loop. It folds a snapshot along and looks at what each entry has changed, so a stored event means here what it means there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from ..model.path import Path, within
from ..model.values import Json
from . import event as ev
from .record import ENDED, RunStatus, StepRecord, StepStatus
from .snapshot import Snapshot

SpanKind: TypeAlias = Literal["run", "wait", "sleep", "retry"]
_KINDS: dict[str, SpanKind] = {"running": "run", "suspended": "wait", "waiting": "sleep"}


@dataclass(slots=True, kw_only=True)
class Span:
    """A stretch of time: code runs, somebody is waited for, a time is, or the pause before another attempt. `end` None: still."""

    kind: SpanKind
    start: datetime
    end: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Visit:
    """A place that a run has reached, as its last visit left it; `spans` are those of all visits.

    A place around others that wait is "suspended" or "waiting" too; what had not ended when the run did is "canceled".
    `attempts` counts from 1. `question`, `answer` and `actor` are those of the last question. `error` is that of the last
    attempt, unless it ended well. `wake_at` is until when a sleep lasts.
    """

    path: Path
    status: StepStatus
    input: Json
    started_at: datetime
    output: Json = None
    error: ev.Failure | None = None
    attempts: int = 1
    suspension_id: str | None = None
    wake_at: datetime | None = None
    question: Json = None
    answer: Json = None
    actor: str | None = None
    ended_at: datetime | None = None
    spans: list[Span] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """How a run stands, when it ran and waited, and its places in the order in which they were first reached.

    What a time travel, or another attempt of a nested workflow, has forgotten is left out until it is reached again.
    """

    status: RunStatus
    spans: Sequence[Span]
    visits: Sequence[Visit]


def timeline(entries: Iterable[ev.Entry]) -> Timeline:
    """The timeline that *entries* (from 1, in order) tell."""
    telling = _Telling()
    for entry in entries:
        telling.take(entry)
    return telling.told()


class _Telling:
    def __init__(self) -> None:
        self._run = Snapshot()
        self._spans: list[Span] = []
        self._visits: dict[Path, Visit] = {}
        self._forgotten: set[Path] = set()

    def take(self, entry: ev.Entry) -> None:
        """Let *entry*, the next one, change the snapshot, and note what that means."""
        before = self._run.status
        self._run.apply(entry)
        match entry.event:
            case ev.StepStarted(path=path):
                self._started(path, entry.at)
            case ev.StepSuspended(path=path, suspension=suspension):
                visit = self._follow(path, entry.at)
                visit.suspension_id, visit.question = suspension.id, suspension.payload
                visit.answer = visit.actor = None
            case ev.StepAnswered(path=path, data=data, actor=actor):
                visit = self._follow(path, entry.at)
                visit.answer, visit.actor = data, actor
            case ev.StepRetried(path=path, until=until):
                self._retried(path, entry.at, until)
            case ev.StepCanceled(path=path):
                for below in [p for p in self._visits if within(p, path)]:
                    self._follow_if_known(below, entry.at)
            case ev.StepWaiting() | ev.StepSucceeded() | ev.StepBailed() | ev.StepFailed():
                self._follow(entry.event.path, entry.at)
            case ev.Remembered() | ev.Evaluated():
                pass
            case _:
                self._of_run(entry.event, entry.at, before)

    def told(self) -> Timeline:
        """What there is to tell after the last entry."""
        visits = [visit for path, visit in self._visits.items() if path not in self._forgotten]
        self._say_what_is_inside(visits)
        return Timeline(status=self._run.status, spans=self._spans, visits=visits)

    # ------------------------------------------------------------------ places

    def _started(self, path: Path, at: datetime) -> None:
        record = self._run.records[path]
        known = self._visits.get(path)
        # A nested workflow whose type reads its input as something else is noted a second time: that is no new visit.
        if known is None or path in self._forgotten:
            self._forgotten.discard(path)
            self._visits[path] = Visit(
                path=path,
                status="running",
                input=record.payload,
                started_at=at,
                # What a time travel brought along; an answer comes later.
                answer=record.resume_payload,
                spans=known.spans if known is not None else [],
            )
        self._follow(path, at)

    def _follow(self, path: Path, at: datetime) -> Visit:
        """Let the visit of *path* say what its record says."""
        record, visit = self._run.records[path], self._visits[path]
        visit.status, visit.input, visit.output = record.status, record.payload, record.output
        visit.error = record.error if record.status != "success" else None
        visit.ended_at, visit.wake_at = record.ended_at, record.wake_at
        _turn(visit.spans, _KINDS.get(record.status), at)
        return visit

    def _follow_if_known(self, path: Path, at: datetime) -> None:
        if path in self._run.records:
            self._follow(path, at)

    def _retried(self, path: Path, at: datetime, until: datetime) -> None:
        visit = self._follow(path, at)
        visit.attempts += 1
        _turn(visit.spans, None, at)
        # When the next attempt begins is not in the journal: it is at this moment, or a little later.
        visit.spans += [Span(kind="retry", start=at, end=until), Span(kind="run", start=until)]
        self._forget([below for below in self._visits if below != path and within(below, path)], at)

    def _forget(self, paths: Iterable[Path], at: datetime) -> None:
        for path in paths:
            self._forgotten.add(path)
            _turn(self._visits[path].spans, None, at)

    # ------------------------------------------------------------------ the run

    def _of_run(self, event: ev.Event, at: datetime, before: RunStatus) -> None:
        match event:
            case ev.RunRewound(forget=forget, records=records):
                self._rewound(forget, [path for path, _, _ in records], at)
            case ev.RunResumed() if before == "running":
                self._taken_up(at)
        status = self._run.status
        if status in ENDED:
            for visit in self._visits.values():
                _turn(visit.spans, None, at)
        # A run that is held waits for people too: for their code.
        _turn(self._spans, "wait" if status == "held" else _KINDS.get(status), at)

    def _taken_up(self, at: datetime) -> None:
        """The process died; when is not known. What was under way, innermost, is called anew."""
        around = {path[:depth] for path in self._visits for depth in range(1, len(path))}
        innermost = [visit.spans for path, visit in self._visits.items() if path not in around]
        for spans in (self._spans, *innermost):
            if spans and spans[-1].kind == "run" and spans[-1].end is None:
                _turn(spans, None, at)
                _turn(spans, "run", at)

    def _rewound(self, forget: Sequence[Path], given: Iterable[Path], at: datetime) -> None:
        records = self._run.records
        gone = {path for path in self._visits if any(within(path, outer) for outer in forget)}
        self._forget([path for path in gone if path not in records], at)
        for path in given:
            self._given(records[path], at)
        # Containers are under way again, and places whose question was closed by the end that is undone.
        for path in self._visits:
            if path not in self._forgotten:
                self._follow_if_known(path, at)

    def _given(self, record: StepRecord, at: datetime) -> None:
        """A record of a place that somebody brought along: nothing ran."""
        known = self._visits.get(record.path)
        self._forgotten.discard(record.path)
        self._visits[record.path] = Visit(
            path=record.path,
            status=record.status,
            input=record.payload,
            started_at=at,
            spans=known.spans if known is not None else [],
        )

    def _say_what_is_inside(self, visits: Sequence[Visit]) -> None:
        inside: dict[Path, set[StepStatus]] = {}
        for visit in visits:
            if visit.status in {"suspended", "waiting"}:
                for depth in range(1, len(visit.path)):
                    inside.setdefault(visit.path[:depth], set()).add(visit.status)
        over = self._run.status in ENDED
        for visit in visits:
            if over and visit.status not in ENDED:
                visit.status, visit.ended_at = "canceled", self._run.ended_at
            elif visit.status == "running" and (found := inside.get(visit.path)):
                visit.status = "suspended" if "suspended" in found else "waiting"


def _turn(spans: list[Span], kind: SpanKind | None, at: datetime) -> None:
    """From *at* on it is *kind* (None: nothing); what it was before ends then, unless it is the same."""
    last = spans[-1] if spans and spans[-1].end is None else None
    if last is not None and last.kind == kind:
        return
    if last is not None and kind == "sleep" and last.start == at:
        last.kind = kind  # a sleep begins as everything does, but nothing runs there
        return
    if last is not None:
        # An attempt that never began ends before its time has come.
        last.end = max(at, last.start)
    if kind is not None:
        spans.append(Span(kind=kind, start=at))
