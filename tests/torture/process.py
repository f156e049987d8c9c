"""A real process that holds an app, driven through pipes. Every wait for it has a bound."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import Any

_ROOT = Path(__file__).parents[2]
_PATIENCE = 30.0  # seconds; far more than anything here takes


class Process:
    """A Python process that runs `program.py` on *store*.

    What it is told are lines of JSON, so are its answers. *pulse* can be waited for: one beat for each line that it appends
    to the side file.
    """

    def __init__(self, name: str, store: str, **environment: str) -> None:
        self.name = name
        self._pulse, beating = os.pipe()
        self._popen = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.torture.program", name, store],
            cwd=_ROOT,
            env={**os.environ, **environment, "CADENZA_PULSE": str(beating)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[beating],
        )
        os.close(beating)
        self._unread = b""
        self._over = False

    @property
    def pid(self) -> int:
        return self._popen.pid

    def tell(self, do: str, **arguments: Any) -> None:
        """Tell it to do something, and do not wait."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        self._popen.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Its next answer."""
        assert self._popen.stdout is not None
        while b"\n" not in self._unread:
            self._unread += self._read(self._popen.stdout.fileno())
        line, self._unread = self._unread.split(b"\n", 1)
        answer: dict[str, Any] = json.loads(line)
        if "broken" in answer:
            raise AssertionError(f"process {self.name} broke:\n{answer['broken']}")
        return answer

    def call(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Tell it to do something; its answer."""
        self.tell(do, **arguments)
        return self.hear()

    def wait_for_beats(self, count: int) -> None:
        """Return when the process has appended *count* more lines to the side file."""
        while count > 0:
            count -= len(self._read(self._pulse))

    def freeze(self) -> None:
        """SIGSTOP: it lives and does nothing."""
        self._popen.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)

    def kill(self, *, reap: bool = True) -> None:
        """SIGKILL, and wait until it is dead. With `reap=False` it stays behind as a zombie until the next `kill`."""
        if self._over:
            return
        self._popen.send_signal(signal.SIGKILL)
        if not reap:
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            return
        self._end()

    def leave(self, do: str) -> int:
        """Tell it to end, *do* says how; its exit status."""
        self.tell(do)
        return self._end()

    def _end(self) -> int:
        self._over = True
        status = self._popen.wait(_PATIENCE)
        for pipe in (self._popen.stdin, self._popen.stdout):
            assert pipe is not None
            pipe.close()
        os.close(self._pulse)
        return status

    def _read(self, file: int) -> bytes:
        """What comes next from *file*; at least a byte."""
        until = monotonic() + _PATIENCE
        ready, _, _ = select.select([file], [], [], max(0.0, until - monotonic()))
        if not ready:
            raise TimeoutError(f"process {self.name} said nothing for {_PATIENCE} s")
        found = os.read(file, 65536)
        if not found:
            raise EOFError(f"process {self.name} ended")
        return found
