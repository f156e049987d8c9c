"""What an app and a call may say of tracing, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

ResumeTrace: TypeAlias = Literal["same", "link"]
LegKind: TypeAlias = Literal["start", "resume", "timer", "restart", "time_travel", "cancel"]


class HasSpan(Protocol):
    """What `tracing_context` may be, beside a mapping."""

    @property
    def current_span(self) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracing:
    """How an app traces.

    `resume_trace`: a resumed run goes on in the `same` trace, or in a new one with a `link` to the first. `capture_content`:
    spans carry inputs and outputs. `count_suspensions`: a gauge counts the open suspensions in the store, at each collection.
    Providers: those of the process where None.
    """

    resume_trace: ResumeTrace = "same"
    capture_content: bool = False
    count_suspensions: bool = False
    tracer_provider: TracerProvider | None = None
    meter_provider: MeterProvider | None = None

    def __post_init__(self) -> None:
        _check(self.resume_trace)


@dataclass(frozen=True, slots=True, kw_only=True)
class TracingOptions:
    """What a call may say of the leg that it begins; None is what the app says.

    `metadata` become attributes of its span, under their own names; `trace_id` (1 to 32 hex digits) and `parent_span_id`
    (1 to 16) place it in a trace of somebody else's.
    """

    metadata: Mapping[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()
    trace_id: str | None = None
    parent_span_id: str | None = None
    root_span_name: str | None = None
    capture_content: bool | None = None
    resume_trace: ResumeTrace | None = None

    def __post_init__(self) -> None:
        _check(self.resume_trace or "same")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call was given for the leg that it begins. `current_span` is what stood in its `tracing_context`."""

    current_span: Any = None
    options: TracingOptions = field(default_factory=TracingOptions)


def asked_of(context: object, options: Mapping[str, Any] | TracingOptions | None) -> Asked:
    """*context* is a mapping with "current_span" or has that attribute; unknown options are an error."""
    if context is None and options is None:
        return NOTHING_ASKED
    span = (
        context.get("current_span")
        if isinstance(context, Mapping)
        else getattr(context, "current_span", None)
    )
    if not isinstance(options, TracingOptions):
        options = TracingOptions(**(options or {}))
    return Asked(span, options)


def _check(resume_trace: str) -> None:
    if resume_trace not in {"same", "link"}:
        raise ValueError(f"resume_trace is 'same' or 'link', found {resume_trace!r}")


NOTHING_ASKED = Asked()
