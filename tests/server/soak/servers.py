"""Real server processes on one store, of which one is killed and comes back."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import httpx2

_ROOT = Path(__file__).parents[3]


class Server:
    """One process, on a port of its own that it keeps when it comes back."""

    def __init__(self, store: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._store = store
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Return when it answers."""
        command = [sys.executable, "-m", "tests.server.soak.program", str(self.port), self._store]
        self._process = await asyncio.to_thread(subprocess.Popen, command, cwd=_ROOT)
        async with httpx2.AsyncClient() as client:
            while True:
                with suppress(httpx2.TransportError):
                    if (await client.get(f"{self.url}/api/v1/ready")).status_code == 200:
                        return
                assert self._process.poll() is None, "the server ended before it could be asked"
                await asyncio.to_thread(self._process.poll)

    def kill(self) -> None:
        """The process dies where it stands."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end, and wait for that; how it ended."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(how)
        return process.wait(timeout=20)

    @property
    def memory(self) -> float:
        """Its resident memory in MB, 0 where it is dead or nobody knows."""
        if self._process is None:
            return 0
        with suppress(OSError):
            for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) / 1024
        return 0


def stop_all(servers: Sequence[Server]) -> None:
    """End what is still there."""
    for server in servers:
        server.stop()
