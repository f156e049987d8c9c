"""The studio's files, as they are sent."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

import cadenza
from cadenza import Cadenza
from cadenza.errors import ServeError
from cadenza.server import create_app

HOME = Path(cadenza.__file__).parent / "studio"


def client(**options: object) -> TestClient:
    return TestClient(create_app(Cadenza(), **options))  # type: ignore[arg-type]


def test_the_page_is_at_the_root_and_all_that_it_loads_is_there() -> None:
    ours = client()
    page = ours.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
    assert len(loaded) > 5
    for path in loaded:
        assert ours.get(f"/{path}").status_code == 200, path


@pytest.mark.parametrize(
    "file", [path for path in sorted(HOME.rglob("*.js")) if path.parent.name != "vendor"]
)
def test_each_module_imports_what_is_there(file: Path) -> None:
    for target in re.findall(r'from "([^"]+)"', file.read_text()):
        assert (file.parent / target).resolve().is_file(), target


def test_nothing_but_our_own_scripts_and_styles_may_run() -> None:
    policy = client().get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy


def test_a_file_is_sent_once_and_then_only_asked_about() -> None:
    ours = client()
    first = ours.get("/studio/app/main.js", headers={"accept-encoding": "gzip"})
    assert first.headers["content-encoding"] == "gzip"
    assert first.headers["cache-control"] == "no-cache"
    assert first.text == (HOME / "app" / "main.js").read_text()
    again = ours.get("/studio/app/main.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = ours.get("/studio/app/main.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize(
    "path",
    [
        "../server/app.py",
        "%2e%2e/server/app.py",
        "..%2fapp.py",
        "app",
        "",
        "nothing.js",
        "vendor/../../app.py",
        "%00.js",
    ],
)
def test_nothing_else_is_sent(path: str) -> None:
    assert client().get(f"/studio/{path}").status_code == 404


def test_mounted_without_the_last_slash_the_browser_is_sent_on() -> None:
    outer = TestClient(Starlette(routes=[Mount("/flows", create_app(Cadenza()))]))
    found = outer.get("/flows", follow_redirects=False)
    assert found.status_code == 307
    assert outer.get("/flows/").status_code == 200
    assert outer.get("/flows/studio/style.css").status_code == 200


def test_a_server_can_do_without() -> None:
    assert client(ui=False).get("/").status_code == 404
    assert client(ui=False).get("/studio/style.css").status_code == 404


def test_where_traces_are_shown_is_told() -> None:
    assert (
        client(trace_url="https://traces.example/{trace_id}")
        .get("/api/v1/me")
        .json()["trace_url"]
        .endswith("{trace_id}")
    )
    with pytest.raises(ServeError, match=r"expected an address with \{trace_id\} in it"):
        client(trace_url="javascript:alert(1)")


def test_the_whole_studio_is_small() -> None:
    together = b"".join(path.read_bytes() for path in sorted(HOME.rglob("*.*")))
    assert len(gzip.compress(together, mtime=0)) < 80_000
