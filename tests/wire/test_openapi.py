"""What our OpenAPI document allows, as schemathesis reads it, sent to the server as a real process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings

from .served import served


def test_no_request_that_the_document_allows_breaks_the_server(tmp_path: Path) -> None:
    asked = []

    def send(case: Any) -> None:
        answer = case.call(timeout=10)
        asked.append(case.operation.label)
        # A run that was not suspended is a 500 on Mastra's wire; nothing else is.
        assert answer.status_code < 500 or "This workflow" in answer.text, answer.text

    with served("memory://", tmp_path / "log") as server:
        document = schemathesis.openapi.from_url(f"{server.base}/api/openapi.json")
        # Streams may last for as long as their run does; test_fuzz.py and Mastra's client read them.
        for found in document.exclude(path_regex="stream|observe|watch|changes").get_all_operations():
            seeded = settings(
                max_examples=5,
                derandomize=True,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            seeded(given(case=found.ok().as_strategy())(send))()
    assert "Traceback" not in (tmp_path / "log").read_text()
    assert len(set(asked)) > 15
