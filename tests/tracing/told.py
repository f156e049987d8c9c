"""What was told to OpenTelemetry, as whole trees that a test can write down."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Sampler

from cadenza import Cadenza, Tracing, Workflow
from cadenza.store.base import Store

_NUMBER = r"\[\d+\]"


@dataclass(frozen=True, kw_only=True)
class Told:
    """A finished span with those below it, in the order in which they began. `links` are the names of the linked spans."""

    name: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    below: tuple[Told, ...] = ()
    links: tuple[str, ...] = ()
    remote: bool = False
    error: str | None = None
    events: tuple[str, ...] = ()


class Ears:
    """An SDK of its own for one test: nothing global is set."""

    def __init__(self, sampler: Sampler | None = None) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=sampler)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("a library")
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider(metric_readers=[self.reader])

    def app(
        self,
        *workflows: Workflow[Any, Any],
        store: str | Store | None = None,
        clock: Any = None,
        **tracing: Any,
    ) -> Cadenza:
        """An app whose spans are heard here."""
        return Cadenza(
            store=store,
            clock=clock,
            workflows=workflows,
            tracing=Tracing(tracer_provider=self.provider, meter_provider=self.meters, **tracing),
        )

    @property
    def spans(self) -> list[ReadableSpan]:
        """All finished spans, in the order in which they began."""
        return sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def span(self, name: str) -> ReadableSpan:
        """The only span of that name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    @property
    def trees(self) -> list[Told]:
        """Everything, from the spans that have no parent here."""
        spans = self.spans
        known = {id_of(span) for span in spans}
        return [
            _told(span, spans) for span in spans if span.parent is None or span.parent.span_id not in known
        ]

    def measured(self, name: str) -> dict[frozenset[tuple[str, Any]], Any]:
        """The points of one metric by their attributes: the sum of a counter, (count, sum) of a histogram."""
        data = self.reader.get_metrics_data()
        found: dict[frozenset[tuple[str, Any]], Any] = {}
        for resource in data.resource_metrics if data is not None else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if metric.name == name:
                        for point in metric.data.data_points:
                            value = getattr(point, "value", None)
                            key = frozenset((point.attributes or {}).items())
                            found[key] = (point.count, point.sum) if value is None else value  # type: ignore[union-attr]
        return found


def id_of(span: ReadableSpan) -> int:
    """The span's id."""
    assert span.context is not None
    found: int = span.context.span_id
    return found


def trace_of(span: ReadableSpan) -> str:
    """The id of the span's trace, as in a result."""
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def _told(span: ReadableSpan, spans: list[ReadableSpan]) -> Told:
    names = {id_of(other): other.name for other in spans}
    return Told(
        name=span.name,
        attributes=dict(span.attributes or {}),
        below=tuple(
            _told(other, spans)
            for other in spans
            if other.parent is not None and other.parent.span_id == id_of(span)
        ),
        links=tuple(names.get(link.context.span_id, "?") for link in span.links),
        remote=span.parent is not None and span.parent.is_remote,
        error=None if span.status.is_unset else span.status.description,
        events=tuple(event.name for event in span.events),
    )


# ------------------------------------------------------------------ what a test expects; the run is "r"


def leg(
    workflow: str, kind: str, status: str, *below: Told, error: tuple[str, str] | None = None, **rest: Any
) -> Told:
    """A leg; *error* is its type and the description of its status."""
    attributes = {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": workflow,
        "workflow.run.id": "r",
        "workflow.leg": kind,
        "workflow.run.status": status,
    }
    return _expected(f"invoke_workflow {workflow}", attributes, below, error, **rest)


def around(
    name: str, path: str, status: str, *below: Told, number: int = 0, index: int | None = None, **rest: Any
) -> Told:
    """A nested workflow or a foreach."""
    attributes = _place(path, index) | {"workflow.step.status": status}
    if name.startswith("invoke_workflow "):
        attributes["gen_ai.operation.name"], attributes["gen_ai.workflow.name"] = name.split()
        attributes["workflow.step.attempt"] = number
    return _expected(name, attributes, below, **rest)


def attempt(
    path: str, status: str = "success", *below: Told, number: int = 0, index: int | None = None, **rest: Any
) -> Told:
    """An attempt of a step."""
    attributes = _place(path, index) | {"workflow.step.attempt": number, "workflow.step.status": status}
    name = f"step {re.sub(_NUMBER, '', path).rpartition('.')[2]}"
    if status == "suspended":
        rest = {"events": ("workflow.step.suspended",), **rest}
    if status == "failed":
        rest = {"events": ("exception",), **rest}
    return _expected(name, attributes, below, **rest)


def _place(path: str, index: int | None) -> dict[str, Any]:
    at = {
        "workflow.run.id": "r",
        "workflow.step.id": re.sub(_NUMBER, "", path),
        "workflow.step.path": path,
    }
    return at if index is None else {**at, "workflow.foreach.index": index}


def _expected(
    name: str,
    attributes: dict[str, Any],
    below: tuple[Told, ...],
    error: tuple[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
    **rest: Any,
) -> Told:
    attributes |= more or {}
    if error is not None:
        attributes["error.type"] = error[0]
        rest["error"] = error[1]
    return Told(name=name, attributes=attributes, below=below, **rest)


def each(told: list[Told]) -> Iterator[Told]:
    """All of them, outer ones first."""
    for one in told:
        yield one
        yield from each(list(one.below))
