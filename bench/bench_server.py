"""Rounds of start-async and resume-async through the HTTP server, beside the same server whose engine is a constant.

`python bench/bench_server.py`. A round is two requests; eight are in flight, each on a connection of its own. Server and
client are processes of their own. The two servers take turns; what counts is the ratio of their median times of a round.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import harness
import uvicorn
from typing_extensions import TypedDict

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza.server import create_app

IN_FLIGHT = 8
AT_MOST = 2.0  # how much longer than with a constant a round may take


class Small(TypedDict):
    n: int


class Approval(TypedDict):
    ok: bool


@step
async def one(value: Small) -> Small:
    return {"n": value["n"] + 1}


@step(resume_schema=Approval)
async def two(value: Small, ctx: StepContext) -> Small:
    if ctx.resume_data is None:
        ctx.suspend({"need": "approval"})
    return {"n": value["n"] + 1}


@step
async def three(value: Small) -> Small:
    return {"n": value["n"] + 1}


APPROVAL = Workflow("approval", input=Small).then(one).then(two).then(three).commit()


# ------------------------------------------------------------------ the servers


class Constant:
    """An engine and a store that know one run, which is always where a round expects it."""

    def __init__(self, suspended: Any, ended: Any, row: Any) -> None:
        self._suspended, self._ended, self._row = suspended, ended, row

    async def create(self, *_: Any) -> bool:
        return True

    async def start(self, *_: Any) -> Any:
        return self._suspended

    async def answer(self, *_: Any) -> Any:
        return self._ended

    async def graph(self, *_: Any) -> Any:
        return APPROVAL.graph

    async def row(self, run_id: str) -> Any:
        return replace(self._row, id=run_id)


async def constant() -> Constant:
    async with Cadenza(workflows=[APPROVAL], worker=False) as app:
        run = await app.workflow(APPROVAL).create_run()
        await run.start(input_data={"n": 0})
        suspended = await app.engine.snapshot(run.id)
        await run.resume(resume_data={"ok": True})
        return Constant(suspended, await app.engine.snapshot(run.id), await app.store.row(run.id))


def serve(what: str) -> None:
    """Serve on a free port, and say which."""
    database = harness.new_file()
    cadenza = Cadenza(store=f"sqlite:///{database}", workflows=[APPROVAL])
    if what == "constant":
        known: Any = asyncio.run(constant())
        for name in ("create", "start", "answer", "graph"):
            setattr(cadenza.engine, name, getattr(known, name))
        setattr(cadenza.store, "row", known.row)  # noqa: B010  for a checker this is no row()
    config = uvicorn.Config(create_app(cadenza), host="127.0.0.1", port=0, log_level="warning")
    try:
        with config.bind_socket() as listening:
            listening.listen()
            print(listening.getsockname()[1], flush=True)
            uvicorn.Server(config).run(sockets=[listening])
    finally:
        harness.remove(database)


# ------------------------------------------------------------------ the client


class Connection:
    """One connection that is kept open: no more of HTTP than the server's own answers need."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def post(self, path: str, body: bytes) -> dict[str, Any]:
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200"), answer
        length = next(line for line in answer.split(b"\r\n") if line.startswith(b"content-length"))
        found: dict[str, Any] = json.loads(await self._reader.readexactly(int(length.split()[1])))
        return found

    def close(self) -> None:
        self._writer.close()


async def rounds(port: int, seconds: float) -> float:
    """How many rounds a second the server on *port* makes."""
    numbers = itertools.count()
    until = time.perf_counter() + seconds

    async def go_round() -> int:
        connection = Connection(*await asyncio.open_connection("127.0.0.1", port))
        made = 0
        while time.perf_counter() < until:
            run = f"r{time.time_ns()}-{next(numbers)}"
            path = f"/api/workflows/approval/%s-async?runId={run}"
            found = await connection.post(path % "start", b'{"inputData":{"n":0}}')
            assert found["status"] == "suspended", found
            found = await connection.post(path % "resume", b'{"step":"two","resumeData":{"ok":true}}')
            assert found["result"] == {"n": 3}, found
            made += 1
        connection.close()
        return made

    began = time.perf_counter()
    made = sum(await asyncio.gather(*(go_round() for _ in range(IN_FLIGHT))))
    return made / (time.perf_counter() - began)


def measure(seconds: float, reps: int) -> dict[str, list[float]]:
    """Rounds a second of both servers, by turns."""
    found: dict[str, list[float]] = {"engine": [], "constant": []}
    servers = {
        what: subprocess.Popen([sys.executable, __file__, "--serve", what], stdout=-1) for what in found
    }
    try:
        ports = {what: int(server.stdout.readline()) for what, server in servers.items() if server.stdout}
        for port in ports.values():
            asyncio.run(rounds(port, seconds / 2))
        for _ in range(reps):
            for what, port in ports.items():
                found[what].append(asyncio.run(rounds(port, seconds)))
    finally:
        for server in servers.values():
            server.terminate()
            server.wait()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", choices=["engine", "constant"], help="be one of the servers")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--reps", type=int, default=5)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve)
        return 0
    found = measure(given.seconds, given.reps)
    median = {what: statistics.median(values) for what, values in found.items()}
    ratio = median["constant"] / median["engine"]
    for what, value in median.items():
        print(f"{what:>10}  {value:7.0f} rounds/s  {1e3 * IN_FLIGHT / value:6.2f} ms a round")
    print(f"a round with the engine takes {ratio:.2f} times as long; at most {AT_MOST}")
    return 0 if ratio <= AT_MOST else 1


if __name__ == "__main__":
    Path(harness.TMP).mkdir(exist_ok=True)
    sys.exit(main())
