"""`cadenza serve`, `dev` and `openapi`, as processes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

CADENZA = [sys.executable, "-c", "from cadenza.cli import main; main()"]


def asked(url: str) -> Any:
    """What *url* answers; uvicorn says where it listens a moment before it does."""
    until = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.URLError:
            if time.monotonic() > until:
                raise
            threading.Event().wait(0.05)


@pytest.mark.parametrize("command", ["serve", "dev"])
def test_an_app_is_served_from_where_it_stands(folder: Path, command: str) -> None:
    process = subprocess.Popen(
        [*CADENZA, command, "office:make", "--port", "0"],
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stderr is not None
        address = next(found[0] for line in process.stderr if (found := re.search(r"http://\S+", line)))
        assert asked(f"{address}/api/workflows")
    finally:
        process.terminate()
        process.wait(15)
        assert process.stderr is not None
        process.stderr.close()
    assert (folder / ".cadenza" / "dev.db").exists() == (command == "dev")


def test_dev_opens_the_studio_in_a_browser_once_it_is_there(folder: Path) -> None:
    opened = folder / "opened"
    browser = folder / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n')
    browser.chmod(0o755)
    process = subprocess.Popen(
        [*CADENZA, "dev", "office:make", "--port", "0", "--open"],
        cwd=folder,
        env={**os.environ, "BROWSER": f"{browser} %s"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 30
        while not opened.exists() and time.monotonic() < until:
            threading.Event().wait(0.05)
        page = opened.read_text().strip()
        with urllib.request.urlopen(page, timeout=20) as answer:
            assert "<title>Cadenza</title>" in answer.read().decode()
    finally:
        process.terminate()
        process.wait(15)


def test_others_than_this_machine_are_refused_without_auth(folder: Path) -> None:
    found = subprocess.run(
        [*CADENZA, "serve", "office:make", "--host", "0.0.0.0"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert found.returncode == 2
    assert "refusing to listen on '0.0.0.0' without auth" in found.stderr


def test_the_openapi_document_is_printed(folder: Path) -> None:
    found = subprocess.run(
        [*CADENZA, "openapi"], cwd=folder, capture_output=True, text=True, check=True, timeout=30
    )
    assert json.loads(found.stdout)["openapi"] == "3.1.0"


def test_the_password_of_a_store_is_not_printed(folder: Path) -> None:
    """What a server says when it starts is kept in logs that many read."""
    known = "://ann:geheim@127.0.0.1:1/db"
    with subprocess.Popen(
        [*CADENZA, "dev", "office:make", "--port", "0", "--store", f"postgresql{known}"],
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        studio, said = process.stdout.readline(), process.stdout.readline()
        process.terminate()
    assert studio.startswith("the studio is at http://127.0.0.1:")
    assert said.startswith("runs are in postgresql://ann:…@127.0.0.1:1/db;")
    unknown = subprocess.run(
        [*CADENZA, "runs", "ls", "--store", f"mysql{known}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert "'mysql://ann:…@127.0.0.1:1/db' is no store" in unknown.stderr
