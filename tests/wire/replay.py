"""Replaying recorded exchanges against a server of ours, and saying where the answers differ."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.testclient import TestClient

TRANSCRIPTS = Path(__file__).parent / "transcripts"

# Exchanges stand in the order in which they ended. These began before the one with the other number.
BEGAN_BEFORE = {
    ("v1-cancel", 13): 12,
    ("v1-cancel", 16): 15,
    ("v1-observe-live", 2): 1,
    ("v1-stream-edge", 2): 1,
    ("v1-stream-edge", 5): 4,
    ("v1-time-travel", 23): 22,
}

# These are not played, for the reason that is given.
NOT_PLAYED = {
    ("v1-errors", 68): "1.x has no watch; ours, as 0.2x's, waits for a run that was not started",
}

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SLEEP = re.compile(r"sleep_<id>|sleep@\d+")
_ISO = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
_RUN = re.compile(r"/runs/([^/?]+)|[?&]runId=([^&]+)")
_PATIENCE = 5.0
# How long, in seconds, a run that was only asked for something may take to get to the recorded status.
_SOON = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place where our answer is not the recorded one. `where` is dotted; None stands for what is not there."""

    exchange: str
    where: str
    recorded: Any
    ours: Any

    def __str__(self) -> str:
        recorded, ours = json.dumps(self.recorded), json.dumps(self.ours)
        return f"{self.exchange} · {self.where}: recorded {recorded:.160}, ours {ours:.160}"


@dataclass(slots=True)
class Replay:
    """One transcript, played."""

    client: TestClient
    name: str
    exchanges: list[dict[str, Any]]
    ids: dict[str, str] = field(default_factory=dict)

    def differences(self) -> Iterator[Difference]:
        """Play all exchanges; where the answers differ."""
        begun: dict[int, Future[Any]] = {}
        with ThreadPoolExecutor(max_workers=8) as pool:
            for number, exchange in enumerate(self.exchanges):
                if (self.name, number) in NOT_PLAYED:
                    continue
                for (name, early), before in BEGAN_BEFORE.items():
                    if name == self.name and before == number:
                        begun[early] = pool.submit(self._send, self.exchanges[early])
                        self._wait_until(self.exchanges[early], {"running", "suspended", "success"})
                if exchange["response"].get("clientAborted"):
                    begun.setdefault(number, pool.submit(self._send, exchange))
                    self._wait_until(exchange, {"suspended", "success"})
                    continue
                found = begun[number].result() if number in begun else self._send(exchange)
                yield from self._compared(number, exchange, found)
            yield from self._cut_off(begun)

    def _cut_off(self, begun: dict[int, Future[Any]]) -> Iterator[Difference]:
        """The answers whose readers left before they ended: here their runs are cancelled, to end them."""
        for number, exchange in enumerate(self.exchanges):
            if exchange["response"].get("clientAborted"):
                workflow = exchange["request"]["path"].split("/")[3]
                run = self.ids[str(_run_of(exchange))]
                self.client.post(f"/api/workflows/{workflow}/runs/{run}/cancel")
                found = begun[number].result(_PATIENCE)
                found["records"] = found["records"][: len(exchange["response"]["records"])]
                yield from self._compared(number, exchange, found)

    def _send(self, exchange: dict[str, Any]) -> dict[str, Any]:
        request = exchange["request"]
        body = request.get("rawBody")
        if body is None and "body" in request:
            body = json.dumps(request["body"])
        if isinstance(body, str) and body.startswith("(5 MB"):
            body = json.dumps({"inputData": {"x": "x" * 5_000_000}})
        path = self._path(request["path"])
        wanted = exchange["response"].get("body")
        deadline = time.monotonic() + _SOON
        while True:
            answer = self.client.request(
                request["method"],
                path,
                content=body,
                headers=request["headers"],
            )
            found = self._read(answer)
            # What was only asked for, on the routes that do not wait, takes its time.
            later = request["method"] == "GET" and isinstance(wanted, dict) and "status" in wanted
            if not later or found["body"].get("status") == wanted["status"] or time.monotonic() > deadline:
                break
            threading.Event().wait(0.01)
        self._learn(exchange, found["body"])
        return found

    def _read(self, answer: Any) -> dict[str, Any]:
        kind = answer.headers.get("content-type", "").partition(";")[0]
        text = answer.text
        body: Any = text
        records = None
        if answer.request.method == "HEAD":
            body = None
        elif kind == "application/json":
            body = answer.json()
        elif kind == "text/plain" and answer.status_code == 200:
            parts = text.split("\x1e")
            assert parts.pop() == "", "something stands behind the last separator"
            records = [json.loads(part) for part in parts]
        return {"status": answer.status_code, "kind": kind, "body": body, "records": records}

    def _learn(self, exchange: dict[str, Any], body: Any) -> None:
        recorded = exchange["response"].get("body")
        if isinstance(recorded, dict) and isinstance(body, dict) and "runId" in recorded and "runId" in body:
            self.ids.setdefault(recorded["runId"], body["runId"])
        elif (run := _run_of(exchange)) is not None:
            self.ids.setdefault(run, run)

    def _path(self, path: str) -> str:
        for recorded, ours in self.ids.items():
            path = path.replace(recorded, quote(ours, safe=""))
        return path

    def _wait_until(self, exchange: dict[str, Any], statuses: set[str]) -> None:
        workflow = exchange["request"]["path"].split("/")[3]
        run = self.ids[str(_run_of(exchange))]
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            found = self.client.get(f"/api/workflows/{workflow}/runs/{run}").json()
            if found.get("status") in statuses:
                return
            threading.Event().wait(0.01)
        raise TimeoutError(f"{run} did not get to {statuses}")

    def _compared(self, number: int, exchange: dict[str, Any], found: dict[str, Any]) -> Iterator[Difference]:
        request, response = exchange["request"], exchange["response"]
        label = f"{self.name} {number} {request['method']} {request['path']}"
        recorded = {
            "status": response["status"],
            "kind": response["headers"].get("content-type", "").partition(";")[0],
            "body": response.get("body", response.get("text")),
            "records": response.get("records"),
        }
        if recorded["records"] is not None:
            recorded["body"] = found["body"] = None
        if request["method"] in {"HEAD", "OPTIONS"}:
            recorded["body"] = found["body"] = recorded["kind"] = found["kind"] = None
            recorded["records"] = found["records"] = None
        names = {ours_: theirs for theirs, ours_ in self.ids.items()}
        yield from _differ(label, "", _normal(recorded, {}), _normal(found, names))


def _run_of(exchange: dict[str, Any]) -> str | None:
    match = _RUN.search(exchange["request"]["path"])
    return (match[1] or match[2]) if match is not None else None


def _normal(value: Any, names: dict[str, str]) -> Any:
    """*value* with runs named as in the recording, and without what differs from time to time."""
    if isinstance(value, dict):
        return {_normal(key, names): _normal(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_normal(item, names) for item in value]
    if isinstance(value, str) and value.startswith('{"json":'):
        return _shape(json.loads(value)["json"])
    if isinstance(value, str):
        for ours, recorded in names.items():
            value = value.replace(ours, recorded)
        value = _SLEEP.sub("<sleep>", _UUID.sub("<id>", value))
        return "<time>" if _ISO.match(value) else value
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 1.6e12:
        return "<time>"
    return value


def _shape(schema: Any) -> Any:
    """What *schema* lets pass, without what it says about itself. Mastra's are closed, and drop unknown keys all the same."""
    if isinstance(schema, list):
        return [_shape(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    shaped = {key: _shape(item) for key, item in schema.items()}
    for name in ("$schema", "additionalProperties", "title"):
        if not isinstance(shaped.get(name), dict):
            shaped.pop(name, None)
    if isinstance(shaped.get("required"), list):
        shaped["required"] = sorted(shaped["required"])
    return shaped


def _differ(label: str, where: str, recorded: Any, ours: Any) -> Iterator[Difference]:
    if isinstance(recorded, dict) and isinstance(ours, dict):
        for key in [*recorded, *(key for key in ours if key not in recorded)]:
            inner = f"{where}.{key}" if where else key
            yield from _differ(label, inner, recorded.get(key), ours.get(key))
    elif isinstance(recorded, list) and isinstance(ours, list) and len(recorded) == len(ours):
        for i, (one, other) in enumerate(zip(recorded, ours, strict=True)):
            yield from _differ(label, f"{where}.{i}", one, other)
    elif recorded != ours or isinstance(recorded, bool) != isinstance(ours, bool):
        yield Difference(exchange=label, where=where, recorded=recorded, ours=ours)
