"""Makes the pictures in docs/img of the desk in examples/: `python tests/studio/pictures.py`. By hand, when the looks have changed."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

from cadenza import Cadenza
from cadenza.server import Links

ROOT = Path(__file__).parents[2]
DESK = ROOT / "examples" / "desk"
SECRET = "the pictures need a secret of some length"
# name: where, colours, width, height
PICTURES = {
    "inbox": ("#/inbox", "light", 1280, 980),
    "inbox-dark": ("#/inbox?workflow=order", "dark", 1280, 620),
    "inbox-narrow": ("#/inbox", "light", 390, 780),
    "runs": ("#/runs", "light", 1280, 640),
    "runs-dark": ("#/runs", "dark", 1280, 640),
    "runs-narrow": ("#/runs", "dark", 390, 780),
    "run": ("#/runs/order-71?step=inform", "light", 1280, 800),
    "run-failed": ("#/runs/payout-12?step=transfers.transfer", "dark", 1280, 700),
    "timeline-dark": ("#/runs/expense-2041?tab=timeline&step=review", "dark", 1280, 800),
    "start": ("#/workflows/expense/start?like=expense-2040", "light", 1280, 900),
    "workflows": ("#/workflows", "light", 1280, 640),
    "workflow": ("#/workflows/expense", "light", 1280, 900),
    "schedules": ("#/schedules", "light", 1280, 420),
}


@contextmanager
def desk(store: str) -> Iterator[str]:
    """The desk, filled and served; its address."""
    subprocess.run([sys.executable, "fill.py", store], cwd=DESK, check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "cadenza"), "serve", "app:app", "--port", str(port)]
    server = subprocess.Popen(
        [*command, "--store", store],
        cwd=DESK,
        env={**os.environ, "CADENZA_LINK_SECRETS": SECRET.replace(" ", "-")},
    )
    try:
        base = f"http://127.0.0.1:{port}/"
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(f"{base}health", timeout=5).close()
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        yield base
    finally:
        server.terminate()
        server.wait(15)


async def link(store: str, base: str) -> str:
    sys.path.insert(0, str(DESK))
    from app import app as registered

    async with Cadenza(store=store, workflows=registered.workflows.values(), worker=False) as app:
        question = (await app.inbox.list(run_id="expense-2040")).items[0]
        links = Links([SECRET.replace(" ", "-")], base_url=base.rstrip("/"))
        return await links.make(app, question.id, actor="ada@bank.example")


def main() -> None:
    folder = ROOT / "docs" / "img"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        store = f"sqlite:///{scratch}/desk.db"
        with desk(store) as base:
            pictures = {**PICTURES, "link": (asyncio.run(link(store, base)), "light", 480, 900)}
            draw(base, pictures, folder)


def draw(base: str, pictures: dict[str, tuple[str, str, int, int]], folder: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-background-networking"]
        )
        for name, (where, colours, width, height) in pictures.items():
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if colours == "dark" else "light",
                reduced_motion="reduce",
                locale="en-GB",
            )
            page = context.new_page()
            page.goto(where if where.startswith("http") else base + where)
            page.wait_for_load_state("networkidle") if where.startswith("http") else page.wait_for_selector(
                "h1"
            )
            page.wait_for_selector(".loading", state="detached")
            page.screenshot(path=folder / f"{name}.png")
            print(name)
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
