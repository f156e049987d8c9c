"""A page in Chromium over files on loopback, under the policy that the studio is served with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Page, sync_playwright

import cadenza
from cadenza.server.pages import CONTENT_SECURITY_POLICY

CHROMIUM = Path("/usr/bin/chromium")
_FOLDERS = {"studio": Path(cadenza.__file__).parent / "studio", "tests": Path(__file__).parent}
_MEDIA = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css"}


@contextmanager
def page(path: str) -> Iterator[Page]:
    """The page at *path*, such as `/tests/form_page.html`, when its script has said that it is ready.

    Playwright's own loop runs in this thread: no test on an event loop can use it.
    """
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail(f"CI has to have {CHROMIUM}")
        pytest.skip(f"NOT CHECKED: the studio in a browser, for there is no {CHROMIUM}")
    with _serving() as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        opened = browser.new_page(timezone_id="Europe/Berlin")
        opened.goto(base + path)
        opened.wait_for_selector(
            "body[data-ready]", state="attached"
        )  # a function to wait for would need eval
        yield opened
        browser.close()


@contextmanager
def _serving() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Files(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        folder, _, rest = self.path.lstrip("/").partition("/")
        file = _FOLDERS.get(folder, Path(__file__).parent) / rest
        found = file.is_file() and file.suffix in _MEDIA
        body = file.read_bytes() if found else b""
        self.send_response(200 if found else 404)
        self.send_header("content-type", _MEDIA.get(file.suffix, "text/plain"))
        self.send_header("content-length", str(len(body)))
        self.send_header("content-security-policy", CONTENT_SECURITY_POLICY)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: a failing test has the page."""
