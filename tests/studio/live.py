"""A server as a process of its own, people who look at it in Chromium, and what must never be seen there."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

ROOT = Path(__file__).parents[2]
SECRET = "what-signs-the-links-of-these-tests"


class Server:
    """The flows, served on a port that stays the same when it starts again."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder, self._options = folder, options
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}/"
        self.store = f"sqlite:///{folder / 'runs.db'}"
        self.log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.studio.serve",
                    str(self.port),
                    self.store,
                    SECRET,
                    *self._options,
                ],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
            )
        until = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{self.base}health", timeout=5).close()
            except (urllib.error.URLError, ConnectionError):
                assert self._process.poll() is None, self.log.read_text()
                assert time.monotonic() < until, self.log.read_text()
                threading.Event().wait(0.05)
            else:
                return

    def stop(self, *, kill: bool = False) -> None:
        assert self._process is not None
        self._process.kill() if kill else self._process.terminate()
        self._process.wait(20)

    def call(self, path: str, body: Any = None) -> Any:
        """What a route of ours answers; POST where there is a body."""
        request = urllib.request.Request(
            f"{self.base}api/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def ended(self, run_id: str) -> Any:
        """A run, once it has ended."""
        until = time.monotonic() + 20
        while (found := self.call(f"runs/{run_id}"))["run"]["status"] not in {
            "success",
            "failed",
            "canceled",
        }:
            assert time.monotonic() < until, found
            threading.Event().wait(0.05)
        return found

    def begin(self, workflow: str, given: Any, run_id: str) -> str:
        """Start a run, wait until it rests, and give the id of its first question, or nothing."""
        self.call(f"workflows/{workflow}/runs", {"input": given, "run_id": run_id, "wait": True})
        questions = self.call(f"runs/{run_id}")["questions"]
        return questions[0]["id"] if questions else ""

    def link(self, question: str) -> str:
        """The address of a signed link to a question, for somebody outside."""
        program = (
            "import asyncio, sys; from tests.studio.flows import make; from cadenza.server import Links\n"
            "async def main():\n"
            "    async with make(sys.argv[1]) as app:\n"
            "        print(await Links([sys.argv[3]], base_url=sys.argv[4]).make(app, sys.argv[2], actor='ann@bank.example'))\n"
            "asyncio.run(main())\n"
        )
        command = [sys.executable, "-c", program, self.store, question, SECRET, self.base.rstrip("/")]
        return subprocess.run(
            command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
        ).stdout.strip()


@contextmanager
def person(browser: Browser, base: str, *, quiet: bool = True, **context: Any) -> Iterator[Page]:
    """Somebody with a browser of their own. At the end: no violation of the policy, no error of the page.

    With *quiet* the console has no errors either; where requests are refused it has.
    """
    opened = browser.new_context(
        **{
            "viewport": {"width": 1280, "height": 860},
            "base_url": base,
            "reduced_motion": "reduce",
            **context,
        }
    )
    opened.set_default_timeout(15_000)
    expect.set_options(timeout=15_000)
    heard: list[str] = []
    page = opened.new_page()
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("console", lambda said: heard.append(f"console: {said.text}") if said.type == "error" else None)
    # The console tells of most violations, but not of all that come before it listens.
    page.add_init_script(
        "addEventListener('securitypolicyviolation', (event) => "
        "console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`))"
    )
    try:
        yield page
    finally:
        opened.close()
    # A browser says itself that a request was refused, or that nobody listened: that may be what a test is about.
    faults = [line for line in heard if quiet or not line.startswith("console: Failed to load resource")]
    assert not faults, faults


def signed_in(page: Page, key: str) -> None:
    """Give a key at the door; a page that stands there already is not loaded anew."""
    page.get_by_label("API key or token").fill(key)
    page.get_by_role("button", name="Sign in").click()


def named(page: Page, name: str) -> None:
    """Let the person at *page* say who they are."""
    page.get_by_role("button", name="Say who you are").click()
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="That is me").click()
