"""Mastra's own JavaScript client against our server, which runs as a real process on SQLite."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .served import HERE, client_call, node, served

ORDER = {"orderId": "o-1", "amount": 90}
YES = {"approved": True, "approver": "ada"}


def stream_of(url: str, body: Any) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    return urllib.request.urlopen(request, timeout=20)


def post(url: str, body: Any) -> bytes:
    with stream_of(url, body) as answer:
        return bytes(answer.read())


def test_every_workflow_and_every_method_of_the_client(tmp_path: Path) -> None:
    tool = node()
    with served(f"sqlite:///{tmp_path / 'runs.db'}", tmp_path / "log") as server:
        found = subprocess.run(
            [tool, "--test", "--test-reporter=spec", "client.test.mjs"],
            cwd=HERE,
            env={**os.environ, "BASE": server.base},
            capture_output=True,
            text=True,
            timeout=55,
            check=False,
        )
    assert found.returncode == 0, found.stdout[-4000:] + found.stderr[-2000:]
    assert "Traceback" not in server.log.read_text()


def test_a_run_outlives_kill_9_between_suspend_and_resume(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    with served(store, tmp_path / "log") as server:
        found = client_call(server.base, "order-approval", "r-1", "startAsync", inputData=ORDER)
        assert found["status"] == "suspended"
        server.kill()
    with served(store, tmp_path / "log") as server:
        done = client_call(
            server.base, "order-approval", "r-1", "resumeAsync", step="approve", resumeData=YES
        )
    assert done["result"] == {"orderId": "o-1", "status": "confirmed", "total": 100, "approvedBy": "ada"}


def test_two_servers_on_one_store_show_the_same_runs(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    with served(store, tmp_path / "one") as one, served(store, tmp_path / "two") as two:
        found = client_call(one.base, "order-approval", "r-1", "startAsync", inputData=ORDER)
        assert found["status"] == "suspended"
        events = client_call(
            two.base, "order-approval", "r-1", "resumeStream", step="approve", resumeData=YES
        )
        assert events[-1]["payload"]["workflowStatus"] == "success"
        told = client_call(one.base, "order-approval", "r-1", "observe")
        assert told[-1]["payload"]["finalWorkflowResult"]["approvedBy"] == "ada"


def test_a_stream_follows_a_run_that_another_server_drives(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    with served(store, tmp_path / "one") as one, served(store, tmp_path / "two") as two:
        post(f"{one.base}/api/workflows/order-approval/start-async?runId=r-1", {"inputData": ORDER})
        stream = f"{two.base}/api/workflows/order-approval/stream?runId=r-1"
        with stream_of(stream, {"closeOnSuspend": False}) as answer:
            first = answer.read(1)
            post(f"{one.base}/api/workflows/order-approval/resume-async?runId=r-1", {"resumeData": YES})
            records = [json.loads(record) for record in (first + answer.read()).split(b"\x1e")[:-1]]
    assert records[-1]["payload"]["workflowStatus"] == "success"


def test_streams_end_well_when_the_server_stops(tmp_path: Path) -> None:
    with served("memory://", tmp_path / "log") as server, ThreadPoolExecutor(1) as pool:
        url = f"{server.base}/api/workflows/order-approval/stream?runId=r-1"
        with stream_of(url, {"inputData": ORDER, "closeOnSuspend": False}) as answer:
            first = answer.read(1)
            rest = pool.submit(answer.read)
            server.process.send_signal(signal.SIGTERM)
            body = first + rest.result(10)
        assert server.process.wait(10) in {0, -signal.SIGTERM}
    assert body.endswith(
        b"\x1e"
    )  # whole records, and the end that HTTP knows: else read() raises IncompleteRead
    assert "Traceback" not in server.log.read_text()
