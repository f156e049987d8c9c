"""Spans around legs and attempts, and whose child each of them is.

The tree: each leg is a span, and under it stands one span for each attempt of a step. A nested workflow and a foreach in which
something runs have a span around it, a new one in each leg. Loops and blocks have none: their members stand side by side. Later
legs hang under the run's first one. No span is open while the run rests: a leg ends all of its own.

Where no SDK is configured a leg finds that out once, and nothing below costs more than a look at `on`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Token
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, Link, Span, Tracer, set_span_in_context

from ..execution.effects import Call, Outcome
from ..execution.tracing_context import TracingContext
from ..history import event as ev
from ..history.record import ENDED
from ..history.snapshot import Snapshot
from ..model.path import Path, ids, within
from ..model.workflow import Workflow
from ..store.base import RunRow
from . import attributes as at
from .metrics import Metrics, current_provider, our_version, silent
from .options import NOTHING_ASKED, Asked, LegKind, Tracing
from .parents import caller_of, chosen, kept, links_to, remote
from .spans import (
    Attributes,
    describe_attempt,
    describe_leg,
    describe_leg_end,
    describe_outcome,
    describe_place,
    failed,
)


class Telemetry:
    """Tracer and instruments of one app."""

    def __init__(self, config: Tracing) -> None:
        self.config = config
        # As made for the provider that was asked last: a program sets one up, once.
        self._tracer: tuple[object, Tracer] | None = None
        self._metrics: tuple[object, Metrics] | None = None

    def tracer(self) -> Tracer | None:
        """None where no SDK is configured by now."""
        provider = self.config.tracer_provider or trace.get_tracer_provider()
        if silent(provider):
            return None
        if self._tracer is None or self._tracer[0] is not provider:
            self._tracer = (provider, provider.get_tracer(at.SCOPE, our_version(), at.SCHEMA_URL))
        return self._tracer[1]

    def metrics(self) -> Metrics | None:
        """None where no SDK is configured by now."""
        provider = self.config.meter_provider or current_provider()
        if silent(provider):
            return None
        if self._metrics is None or self._metrics[0] is not provider:
            self._metrics = (provider, Metrics(provider))
        return self._metrics[1]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt under way."""

    path: Path
    span: Span | None
    token: Token[otel.Context] | None
    began: float


class Leg:
    """What is seen of one leg of a run: `begin`, then `enter`, then attempts and entries, then `end`."""

    def __init__(
        self,
        config: Tracing,
        tracer: Tracer | None,
        metrics: Metrics | None,
        workflow: Workflow[Any, Any],
        row: RunRow,
        snapshot: Snapshot,
        asked: Asked | None,
    ) -> None:
        self._config = config
        self._tracer = tracer
        self._metrics = metrics
        self._workflow = workflow
        self._row = row
        self._run = snapshot
        self.asked = asked
        self._span: Span | None = None
        self._around: dict[Path, Span] = {}  # open spans of nested workflows and foreaches, outer ones first
        self._attempts: dict[Path, Span] = {}
        self._token: Token[otel.Context] | None = None
        self._early: list[ev.Entry] = []
        self._entered = False
        self._joined = False
        # Where nobody asked, the current context is that of whoever once began to look after timers.
        self._base = otel.Context() if asked is None else None
        # Whether anybody listens: asked at each step.
        self.on = self._metrics is not None

    # ------------------------------------------------------------------ the leg's span

    def begin(self, kind: LegKind) -> ev.SpanRef | None:
        """Open the leg's span, for the journal to keep; None where nothing is traced."""
        if self._tracer is None:
            return None
        asked = self.asked or NOTHING_ASKED
        parent, links = self._placed(kind, asked)
        span = self._tracer.start_span(
            asked.options.root_span_name or f"{at.WORKFLOW_SPAN} {self._workflow.id}",
            # Of the current context all but the span is kept: baggage, say.
            set_span_in_context(parent or INVALID_SPAN, self._base),
            attributes=describe_leg(kind, self._workflow.id, self._row, asked.options),
            links=links,
        )
        known = span.get_span_context()
        # A provider that does nothing gives the parent back as the new span.
        if not known.is_valid or (parent is not None and known.span_id == parent.get_span_context().span_id):
            self._tracer = None
            return None
        self._span = span
        self.on = True
        return kept(span)

    def _placed(self, kind: LegKind, asked: Asked) -> tuple[Span | None, list[Link]]:
        """The parent of the leg's span, and what it is linked with."""
        first = remote(self._run.trace) if self._run.trace is not None else None
        caller = self._caller()
        if first is None or kind in {"start", "restart", "time_travel"}:
            parent, links = caller, links_to(first)
        elif (asked.options.resume_trace or self._config.resume_trace) == "link":
            parent, links = None, links_to(first, caller)
        else:
            parent, links = first, links_to(caller)
        named = chosen(asked.options, instead_of=parent)
        return (parent, links) if named is None else (named, links_to(first, caller))

    def _caller(self) -> Span | None:
        """The span of who began this leg; nobody did where a timer was due or a process had died."""
        return None if self.asked is None else caller_of(self.asked)

    def join(self) -> None:
        """Let attempts stand under the leg that another process began, as the journal tells. That one ends it."""
        if self._tracer is not None and self._run.span is not None:
            self._span = remote(self._run.span)
            self._joined = self.on = True

    def link(self, asked: Asked | None) -> None:
        """An answer reached this leg while it was under way: link the span that brought it."""
        caller = caller_of(asked) if self._span is not None and asked is not None else None
        if self._span is not None and caller is not None:
            self._span.add_link(caller.get_span_context())

    def enter(self) -> None:
        """Let the leg's span be the current one of this task, for conditions and mappers."""
        self._entered = True
        if self._span is not None:
            self._token = otel.attach(set_span_in_context(self._span, self._base))
        self._catch_up()

    def end(self, error: BaseException | None, run: Snapshot | None = None) -> None:
        """The run, now as *run*, has ended, is at rest, or cannot be driven on (*error*)."""
        run = run or self._run
        for path in reversed(self._around):
            self._around[path].set_attribute(at.STEP_STATUS, run.status)
            self._around[path].end()
        self._around.clear()
        if self._token is not None:
            otel.detach(self._token)
        if self._span is not None:
            describe_leg_end(self._span, run, error, content=self._content)
            self._span.end()
            self._span = None
        if self._metrics is not None and error is None:
            ended = run.ended_at if run.status in ENDED else None
            took = ended - run.started_at if ended is not None and run.started_at is not None else None
            self._metrics.leg_ended(self._workflow.id, run.status, took)

    @property
    def _content(self) -> bool:
        wanted = self.asked.options.capture_content if self.asked is not None else None
        return self._config.capture_content if wanted is None else wanted

    # ------------------------------------------------------------------ attempts

    def context(self, path: Path) -> TracingContext:
        """What the step at *path* is shown."""
        given = self.asked.current_span if self.asked is not None else None
        return TracingContext(self._attempts.get(path) or given or trace.get_current_span())

    def attempt(self, call: Call, number: int) -> Attempt:
        """Attempt *number* of a step, from 0, begins: its span is the current one until `attempt_over`."""
        span = self._open_attempt(call, number)
        token = otel.attach(set_span_in_context(span)) if span is not None else None
        return Attempt(call.path, span, token, perf_counter())

    def attempt_over(self, attempt: Attempt, outcome: Outcome | None, error: BaseException | None) -> None:
        """Without an *outcome* the attempt was broken off, by *error*."""
        seconds = perf_counter() - attempt.began
        if attempt.token is not None:
            otel.detach(attempt.token)
        span = attempt.span
        status, error_type = describe_outcome(span, outcome, error, content=self._content)
        if span is not None:
            self._attempts.pop(attempt.path, None)
            span.end()
        if self._metrics is not None:
            self._metrics.attempt_ended(
                self._workflow.id, _step_id(attempt.path), status, error_type, seconds
            )

    def _open_attempt(self, call: Call, attempt: int) -> Span | None:
        if self._tracer is None or self._span is None:
            return None
        path = call.path
        span = self._attempts[path] = self._tracer.start_span(
            f"{at.STEP_SPAN} {ids(path)[-1]}",
            set_span_in_context(self._parent(self._tracer, self._span, call)),
            attributes=describe_attempt(self._row.id, call, attempt, content=self._content),
        )
        return span

    def _parent(self, tracer: Tracer, span: Span, call: Call) -> Span:
        """The innermost span around the place of *call*; those that are not open yet are opened."""
        if self._joined:
            return span  # what is around goes on elsewhere: nobody here would end a span of it
        for depth in range(1, len(call.path)):
            path = call.path[:depth]
            if path not in call.run.records:  # a loop has no record, only its rounds have
                continue
            if path not in self._around:
                name, attributes = self._describe(path, call.run, foreach=isinstance(call.path[depth], int))
                self._around[path] = tracer.start_span(name, set_span_in_context(span), attributes=attributes)
            span = self._around[path]
        return span

    def _describe(self, path: Path, run: Snapshot, *, foreach: bool) -> tuple[str, Attributes]:
        """Name and attributes of the span around a nested workflow or a foreach."""
        found = describe_place(self._row.id, path, run)
        if foreach:
            return f"{at.FOREACH_SPAN} {ids(path)[-1]}", found
        nested = self._workflow.nested(ids(path))
        workflow = nested.id if nested is not None else ids(path)[-1]
        found |= {at.OPERATION: at.WORKFLOW_SPAN, at.WORKFLOW: workflow}
        found[at.STEP_ATTEMPT] = run.records[path].attempt
        return f"{at.WORKFLOW_SPAN} {workflow}", found

    # ------------------------------------------------------------------ entries

    @property
    def tell(self) -> Callable[[ev.Entry], None] | None:
        """What hears each entry as it is noted; None where nobody listens."""
        return self._hear if self._tracer is not None or self._metrics is not None else None

    def _hear(self, entry: ev.Entry) -> None:
        # What is noted before the leg is entered may be refused: then this leg never was.
        self._early.append(entry)
        if self._entered:
            self._catch_up()

    def _catch_up(self) -> None:
        for entry in self._early:
            self._heard(entry)
        self._early.clear()

    def _heard(self, entry: ev.Entry) -> None:
        match entry.event:
            case ev.StepSucceeded(path=path) | ev.StepBailed(path=path):
                self._close(path, "success", None)
            case ev.StepCanceled(path=path):
                self._close(path, "canceled", None)
            case ev.StepFailed(path=path, error=error):
                self._close(path, "failed", error)
            case ev.StepRetried(path=path, error=error):
                self._close(path, "failed", error)
                if self._metrics is not None:
                    self._metrics.retried(self._workflow.id, _step_id(path))
            case ev.StepAnswered(path=path, via=via):
                record = self._run.records.get(path)
                if self._metrics is not None and record is not None and record.suspended_at is not None:
                    waited = entry.at - record.suspended_at
                    self._metrics.answered(self._workflow.id, _step_id(path), via, waited)
            case _:
                pass

    def _close(self, path: Path, status: str, error: ev.Failure | None) -> None:
        """End the span around *path*, and those inside it that were given up with it."""
        if path not in self._around:
            return
        for inner in reversed([inner for inner in self._around if within(inner, path)]):
            span = self._around.pop(inner)
            span.set_attribute(at.STEP_STATUS, status if inner == path else "canceled")
            if error is not None and inner == path:
                failed(span, error, content=self._content)
            span.end()


class _Silence(Leg):
    """A leg that nobody listens to."""

    def __init__(self, asked: Asked | None) -> None:
        self.asked = asked
        self.on = False
        self._attempts = {}

    def begin(self, kind: LegKind) -> None:
        """Nothing is traced."""

    def join(self) -> None:
        """Nothing is traced."""

    def link(self, asked: Asked | None) -> None:
        """Nothing is traced."""

    def enter(self) -> None:
        """Nothing is traced."""

    def end(self, error: BaseException | None, run: Snapshot | None = None) -> None:
        """Nothing is traced."""

    @property
    def tell(self) -> None:
        """Nobody listens."""


def leg_of(
    telemetry: Telemetry, workflow: Workflow[Any, Any], row: RunRow, run: Snapshot, asked: Asked | None
) -> Leg:
    """What is seen of a leg that begins: nothing, and at no cost, where no SDK is configured by now."""
    tracer, metrics = telemetry.tracer(), telemetry.metrics()
    if tracer is None and metrics is None:
        return _Silence(asked)
    return Leg(telemetry.config, tracer, metrics, workflow, row, run, asked)


def kind_of(run: Snapshot) -> LegKind:
    """Why *run* is taken up, where nobody asked for it."""
    if run.status == "running":
        return "restart"
    return "timer" if run.wake_at is not None else "resume"


def _step_id(path: Path) -> str:
    return ".".join(ids(path))
