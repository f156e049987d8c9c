"""Whatever is sent to Mastra's routes: no 5xx but those that Mastra's client expects, and no fault in the log."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from cadenza import Cadenza
from cadenza.server import create_app
from cadenza.server.wire.routes import ROUTES

from .workflows import ALIASES, WORKFLOWS

# A run that is not suspended, a step that is not, a run that is not active: 500 on Mastra's wire.
EXPECTED = (
    "This workflow run was not",
    "This workflow step ",
    "Multiple suspended steps",
    "Cannot time travel",
    "This workflow run is still running",
)
# These last until their run has ended.
ENDLESS = ("-legacy", "streamVNext")

texts = st.text(max_size=8) | st.sampled_from(
    ["approve", "legal", "nested-inner.ask", "a.b[0]", "\x00", "%", "."]
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
fit = st.sampled_from(
    [
        {"orderId": "o", "amount": 1},
        {"doc": "d"},
        {"approved": True, "approver": "a"},
        {"ok": True},
        {"x": "y"},
    ]
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "inputData": values | fit,
        "resumeData": values | fit,
        "step": values | st.sampled_from(["approve", ["approve"], "legal", [], ""]),
        "forEachIndex": values,
        "requestContext": values,
        "runtimeContext": values,
        "tracingOptions": values,
        "initialState": values,
        "context": values,
        "nestedStepsContext": values,
        "resourceId": values,
        "perStep": values,
        "event": values,
        "data": values,
    },
)
runs = st.sampled_from(["suspended", "two", "ended", "ghost"])
queries = st.dictionaries(
    st.sampled_from(["page", "perPage", "limit", "offset", "fromDate", "toDate", "status", "fields", "x"]),
    texts | st.integers().map(str),
    max_size=3,
)
routes = [route for route in ROUTES if not any(word in route.path for word in ENDLESS)]


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    app = create_app(Cadenza(workflows=WORKFLOWS), aliases=ALIASES)
    with TestClient(app, raise_server_exceptions=False) as found:
        yield found


@settings(
    max_examples=300,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    route=st.sampled_from(routes),
    workflow=st.sampled_from(["order-approval", "parallel-review", "keyedEcho", "nope"]) | texts,
    run=runs,
    query=queries,
    body=bodies.map(json.dumps) | values.map(json.dumps) | st.text(max_size=20),
)
def test_no_request_breaks_the_server(
    client: TestClient,
    caplog: pytest.LogCaptureFixture,
    route: Any,
    workflow: str,
    run: str,
    query: dict[str, str],
    body: str,
) -> None:
    for name, known, given_ in (
        ("order-approval", "suspended", {"orderId": "o", "amount": 1}),
        ("parallel-review", "two", {"doc": "d"}),
        ("keyedEcho", "ended", {"x": "y"}),
    ):
        client.post(f"/api/workflows/{name}/start-async?runId={known}", json={"inputData": given_})
    if run == "ghost" and ("observe" in route.path or "watch" in route.path):
        run = "ended"  # another example may have made it, not started: listeners wait for that
    path = route.path.format(workflow_id=quote(workflow or "-", safe=""), run_id=run)
    asked = urlencode({**query, "runId": run})
    caplog.clear()
    answer = client.request(
        route.method,
        f"/api{path}?{asked}",
        content=body.encode(errors="replace"),
        headers={"content-type": "application/json"},
    )
    if answer.status_code >= 500:
        assert answer.json()["error"].startswith(EXPECTED), answer.text
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []
