"""Mastra Studio itself against `cadenza serve --studio`, in headless Chromium; a manual check, see README.md here.

`python -m tests.wire.studio.drive FOLDER`: FOLDER gets npm's `mastra` (once), the store, the logs and the screenshots. Exit code 0
where Studio showed everything; where it did not, the screenshot `failed.png` shows what it showed instead.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Page, Response, expect, sync_playwright

ROOT = Path(__file__).parents[3]
# The version that this was last run with. Its assets are not ours to pass on, so each run fetches them from npm.
MASTRA = "mastra@1.31.0"
# Seconds and milliseconds; bounds, not waits.
PATIENCE, SHOWN = 60, 20_000
# Studio's own page offers a stream that its static server does not have; it is of no concern to us.
NOT_OURS = ("EventSource's response has a MIME type", "[Analytics]")


class Studio:
    """A page of Studio, with what its requests and its console said that was not well."""

    def __init__(self, page: Page, base: str, folder: Path) -> None:
        self.page, self._base, self._folder = page, base, folder
        self._shots = 0
        self.complaints: list[str] = []
        page.on("response", self._heard)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(f"error in the page: {error}"))

    def _heard(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status} {response.request.method} {response.url}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(known in message.text for known in NOT_OURS):
            self.complaints.append(f"console: {message.text}")

    def open(self, path: str) -> None:
        self.page.goto(f"{self._base}{path}")

    def shows(self, *texts: str) -> None:
        for text in texts:
            expect(self.page.get_by_text(text, exact=True).first).to_be_visible(timeout=SHOWN)

    def shot(self, name: str) -> None:
        self._shots += 1
        self.page.screenshot(path=self._folder / f"{self._shots}-{name}.png")


def main() -> None:
    """Drive Studio through everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    fetch(folder)
    with ExitStack() as stack:
        ours = stack.enter_context(serving(folder))
        base = stack.enter_context(showing(folder, ours))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"), args=["--no-sandbox"]
        )
        studio = Studio(browser.new_page(viewport={"width": 1500, "height": 950}), base, folder)
        try:
            drive(studio)
        except BaseException:
            studio.page.screenshot(path=folder / "failed.png")
            raise
        finally:
            browser.close()
    if studio.complaints:
        sys.exit("Studio complained:\n" + "\n".join(studio.complaints))
    print(f"Studio showed everything; look at the screenshots in {folder}")  # noqa: T201  a script


def drive(studio: Studio) -> None:
    """Workflow list, graph, start, suspended form, resume; a nested step, a reload, and a run that fails."""
    page = studio.page
    studio.open("/workflows")
    studio.shows("order-approval", "parallel-review", "nested-parent")
    studio.shot("list")

    studio.open("/workflows/order-approval/graph")
    studio.shows("prepare", "approve", "finish", "Adds the shipping fee", "Suspend/resume")
    studio.shot("graph")

    page.locator("[name=orderId]").fill("o-1")
    page.locator("[name=amount]").fill("90")
    page.get_by_role("button", name="Run", exact=True).click()
    resume = page.get_by_role("button", name="Resume", exact=False).first
    expect(resume).to_be_visible(timeout=SHOWN)
    studio.shot("suspended")

    # What is stored is enough: the page of the run, anew.
    page.reload()
    page.get_by_role("navigation", name="Workflow runs").get_by_role("link").first.click()
    expect(resume).to_be_visible(timeout=SHOWN)
    studio.shot("suspended-by-url")

    page.get_by_role("switch", name="Approved").or_(page.get_by_label("Approved")).first.click()
    page.locator("[name=approver]").fill("ada")
    resume.click()
    expect(resume).to_be_hidden(timeout=SHOWN)
    studio.shows("Success")
    studio.shot("resumed")

    studio.open("/workflows/failing/graph")
    page.locator("[name=reason]").fill("smoke")
    page.get_by_role("button", name="Run", exact=True).click()
    studio.shows("Failed")
    studio.shot("failed-run")


def fetch(folder: Path) -> None:
    """Studio, from npm, unless it is there already; nothing of it is run while it is installed."""
    if not (folder / "node_modules" / "mastra").is_dir():
        install = ["npm", "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run([*install, MASTRA], check=True, cwd=folder)


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """`cadenza serve --studio`, on a store of its own; its port."""
    store = folder / "runs.db"
    for leftover in folder.glob("runs.db*"):
        leftover.unlink()
    port = free_port()
    program = [str(Path(sys.executable).with_name("cadenza")), "serve", "tests.wire.studio.app:app"]
    options = ["--store", f"sqlite:///{store}", "--studio", "--port", str(port)]
    with running([*program, *options], folder / "cadenza.log", cwd=ROOT):
        reached(f"http://127.0.0.1:{port}/health")
        yield port


@contextmanager
def showing(folder: Path, ours: int) -> Iterator[str]:
    """`mastra studio`, told where our server is; where it is shown."""
    port = free_port()
    program = [str(folder / "node_modules" / ".bin" / "mastra"), "studio"]
    options = ["-p", str(port), "-h", "127.0.0.1", "-s", str(ours)]
    silent = {"MASTRA_TELEMETRY_DISABLED": "1"}
    with running([*program, *options], folder / "mastra.log", cwd=folder, more=silent):
        base = f"http://localhost:{port}"
        reached(base)
        yield base


@contextmanager
def running(
    command: list[str], log: Path, *, cwd: Path, more: Mapping[str, str] | None = None
) -> Iterator[None]:
    """*command*, until we are through."""
    with log.open("w") as said:
        process = subprocess.Popen(
            command, cwd=cwd, env={**os.environ, **(more or {})}, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(15)


def reached(url: str) -> None:
    """Return when *url* answers."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


if __name__ == "__main__":
    main()
