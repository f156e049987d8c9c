"""Chromium, once for each process of tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from .browser import CHROMIUM
from .live import Server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        missing = f"there is no {CHROMIUM}"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(f"NOT RUN IN A BROWSER: {missing}")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield opened
        opened.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """The flows, served by a process of its own on a new store. At the end its log has no error."""
    served = Server(tmp_path)
    served.start()
    yield served
    served.stop()
    assert "Traceback" not in served.log.read_text(), served.log.read_text()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Server]:
    """The same server, which asks for keys."""
    served = Server(tmp_path, "--keys")
    served.start()
    yield served
    served.stop()
