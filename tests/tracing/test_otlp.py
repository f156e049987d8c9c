"""docs/how-to/tracing.md, run as it stands there against a receiver that speaks OTLP."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from ..examples.test_readme import PROMPT, promised, python


class Receiver(ThreadingHTTPServer):
    """What OTLP over HTTP brings: spans by name, and names of metrics."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Any] = []
        self.services: set[str] = set()
        self.metrics: set[str] = set()

    def take(self, path: str, body: bytes) -> bytes:
        if path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                attributes = {a.key: a.value.string_value for a in resource.resource.attributes}
                self.services.add(attributes["service.name"])
                self.spans += [span for scope in resource.scope_spans for span in scope.spans]
            return bytes(ExportTraceServiceResponse().SerializeToString())
        assert path == "/v1/metrics", path
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            self.metrics |= {metric.name for scope in resource.scope_metrics for metric in scope.metrics}
        return bytes(ExportMetricsServiceResponse().SerializeToString())


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        answer = self.server.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()


def test_the_page_on_tracing_reaches_a_receiver_in_five_lines(tmp_path: Path) -> None:
    snippets = python("docs/how-to/tracing.md")
    source = "\n".join(snippets)
    (tmp_path / "snippets.py").write_text("import asyncio\n" + source)
    (tmp_path / "prompt.py").write_text(PROMPT)
    with receiving() as receiver:
        endpoint = f"http://127.0.0.1:{receiver.server_port}"
        done = subprocess.run(
            [sys.executable, "prompt.py"],
            cwd=tmp_path,
            env={**os.environ, "OTEL_SERVICE_NAME": "invoices", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint},
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )

    assert not done.returncode, done.stderr
    assert not done.stderr
    assert done.stdout.splitlines() == promised(source)
    assert len(snippets[0].splitlines()) == 5
    assert receiver.services == {"invoices"}
    assert {"workflow.runs", "workflow.step.duration", "workflow.suspensions.open"} <= receiver.metrics
    _check_tree(receiver.spans)


def _check_tree(spans: list[Any]) -> None:
    """The tree that the page draws."""
    (request,) = [span for span in spans if span.name == "POST /approve"]
    (resumed,) = [span for span in spans if any(link.span_id == request.span_id for link in span.links)]
    names = {span.span_id: span.name for span in spans}
    traced = [span for span in spans if span.trace_id == resumed.trace_id]
    assert [(span.name, names.get(span.parent_span_id)) for span in sorted(traced, key=_began)] == [
        ("invoke_workflow invoice", None),
        ("step load", "invoke_workflow invoice"),
        ("step rate", "invoke_workflow invoice"),
        ("ask the bank", "step rate"),
        ("step approve", "invoke_workflow invoice"),
        ("invoke_workflow invoice", "invoke_workflow invoice"),
        ("step approve", "invoke_workflow invoice"),
    ]
    # A backend sees that the parent of the second leg was in another process, or may have been.
    assert [span.name for span in traced if span.flags & 0x200] == ["invoke_workflow invoice"]


def _began(span: Any) -> int:
    found: int = span.start_time_unix_nano
    return found
