"""Whose child a leg's span may be: spans of callers, of earlier legs, and those that somebody names."""

from __future__ import annotations

import logging
import re
import secrets

from opentelemetry import trace
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    TraceFlags,
    TraceState,
    format_span_id,
    format_trace_id,
)

from ..history.event import SpanRef
from .options import Asked, TracingOptions

_log = logging.getLogger("cadenza")


def caller_of(asked: Asked) -> Span | None:
    """The span of who makes the call: the one given, else the current one; None where it is not valid."""
    given = asked.current_span
    span = given if isinstance(given, Span) else trace.get_current_span()
    return span if span.get_span_context().is_valid else None


def links_to(*spans: Span | None) -> list[Link]:
    """Links to those there are."""
    return [Link(span.get_span_context()) for span in spans if span is not None]


def kept(span: Span) -> SpanRef:
    """*span*, for the journal."""
    known = span.get_span_context()
    return SpanRef(
        trace_id=format_trace_id(known.trace_id),
        span_id=format_span_id(known.span_id),
        flags=int(known.trace_flags),
        state=known.trace_state.to_header(),
    )


def remote(found: SpanRef) -> Span:
    """A span that the journal kept, as a parent: another process may have made it."""
    return NonRecordingSpan(
        SpanContext(
            trace_id=int(found.trace_id, 16),
            span_id=int(found.span_id, 16),
            is_remote=True,
            trace_flags=TraceFlags(found.flags),
            trace_state=TraceState.from_header([found.state]) if found.state else None,
        )
    )


def chosen(options: TracingOptions, *, instead_of: Span | None) -> Span | None:
    """The parent that `trace_id` and `parent_span_id` name, or None."""
    trace_id = _hex(options.trace_id, 32, "trace_id")
    span_id = _hex(options.parent_span_id, 16, "parent_span_id")
    if trace_id is None and span_id is None:
        return None
    known = instead_of.get_span_context() if instead_of is not None else None
    if trace_id is None:
        trace_id = known.trace_id if known is not None else secrets.randbits(128) or 1
    elif span_id is None and known is not None and known.trace_id == trace_id:
        return None  # that is where the leg goes anyway
    # OpenTelemetry takes a trace's id from a parent alone: where none was named, one is made up.
    return NonRecordingSpan(
        SpanContext(
            trace_id=trace_id,
            span_id=span_id or secrets.randbits(64) or 1,
            is_remote=True,
            trace_flags=TraceFlags(TraceFlags.SAMPLED),
        )
    )


def _hex(given: str | None, digits: int, name: str) -> int | None:
    if given is None:
        return None
    found = int(given, 16) if re.fullmatch(f"[0-9a-fA-F]{{1,{digits}}}", given) else 0
    if not found:
        _log.warning("%s is 1 to %d hexadecimal digits, not all 0, found %r: ignored", name, digits, given)
        return None
    return found
