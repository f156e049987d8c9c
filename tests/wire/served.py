"""The test server as a process of its own, and Mastra's client, in Node.js."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


class Server:
    """A running server; `log` is what it has said, once it is gone."""

    def __init__(self, process: subprocess.Popen[str], port: int, log: Path) -> None:
        self.process = process
        self.base = f"http://127.0.0.1:{port}"
        self.log = log

    def kill(self) -> None:
        """As `kill -9` does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


@contextmanager
def served(store: str, log: Path, *, port: int = 0, studio: bool = False) -> Iterator[Server]:
    """The test server on *store*, from when it can be reached; at the end it is told to stop, and does."""
    options = ["--port", str(port), "--store", store, *(["--studio"] if studio else [])]
    with log.open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.wire.server", *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said.startswith("listening on "), log.read_text()
            yield Server(process, int(said.split()[-1]), log)
        finally:
            process.terminate()
            process.wait(10)
            if process.stdout is not None:
                process.stdout.close()


def node() -> str:
    """The Node.js to run Mastra's client with; skips, aloud, where there is none, and fails in CI."""
    found = shutil.which("node")
    missing = None
    if found is None:
        missing = "there is no Node.js (20 or newer)"
    elif int(subprocess.check_output([found, "--version"], text=True).lstrip("v").split(".")[0]) < 20:
        missing = "Node.js is older than 20"
    elif not (HERE / "node_modules" / "@mastra" / "client-js").is_dir():
        missing = "Mastra's client is not installed: make wire-client"
    if missing is None and found is not None:
        return found
    if os.environ.get("CI"):
        pytest.fail(f"{missing}; CI runs these tests")
    pytest.skip(f"NOT RUN AGAINST MASTRA'S CLIENT: {missing}")


def client_call(base: str, workflow: str, run: str, method: str, **given: Any) -> Any:
    """What one call of Mastra's client gives."""
    found = subprocess.run(
        [node(), "call.mjs", base, workflow, run, method, json.dumps(given)],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)
