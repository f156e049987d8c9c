"""Without an SDK nothing is told to anybody."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from cadenza import Cadenza, StepContext, Tracing, Workflow, step

seen: list[Any] = []


@step
async def look(value: int, ctx: StepContext) -> int:
    seen.append(ctx.tracing_context.current_span)
    ctx.tracing_context.current_span.set_attribute("a", 1)
    return value


flow = Workflow("flow", input=int).then(look).commit()


async def test_without_an_sdk_there_is_no_trace_and_a_step_s_span_does_nothing() -> None:
    seen.clear()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        result = await run.start(input_data=1)
        entries = await app.store.entries(run.id)

    assert (result.trace_id, result.span_id) == (None, None)
    assert seen == [trace.INVALID_SPAN]
    assert getattr(entries[0].event, "span", "?") is None


async def test_a_parent_from_elsewhere_is_no_trace_of_ours_where_no_sdk_is() -> None:
    seen.clear()
    parent = NonRecordingSpan(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1)))
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        result = await run.start(input_data=1, tracing_context={"current_span": parent})

    assert result.trace_id is None
    assert seen == [parent]


async def test_a_provider_that_makes_no_spans_is_as_none() -> None:
    class Wrapped(trace.NoOpTracerProvider):
        """As of a library: none of the API's own classes."""

    parent = NonRecordingSpan(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1)))
    async with Cadenza(workflows=[flow], tracing=Tracing(tracer_provider=Wrapped())) as app:
        for given in ({"current_span": parent}, None):
            run = await app.workflow(flow).create_run()
            result = await run.start(input_data=1, tracing_context=given)

            assert result.trace_id is None


def test_only_the_api_is_imported() -> None:
    program = "import sys; from cadenza import Cadenza; print([m for m in sys.modules if m.startswith('opentelemetry.')])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )

    assert "opentelemetry.trace" in done.stdout
    assert not [name for name in ("sdk", "exporter", "proto.") if f"opentelemetry.{name}" in done.stdout]
