"""The pages of the studio: files as they are, which a browser keeps and asks about.

They need no build and no Node.js. All that they load stands beside them, so the policy that they come with allows nothing else.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

_HOME = Path(__file__).parent.parent / "studio"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)


class _File(NamedTuple):
    content: bytes
    compressed: bytes
    etag: str


def page_routes() -> list[BaseRoute]:
    """The studio: its page at the root of the application, what that loads below `/studio/`."""
    return [
        Route("/", _index, methods=["GET"]),
        Route("/studio/{path:path}", _asset, methods=["GET"]),
    ]


async def _index(request: Request) -> Response:
    if not request.scope["path"].endswith("/"):
        # Mounted, and asked for without the last slash: then what the page loads would be looked for one floor up.
        return RedirectResponse(f"{request.url.path}/")
    return _answer(request, _HOME / "index.html")


async def _asset(request: Request) -> Response:
    # Looked up among those that are there, so that no `..` leads anywhere else.
    found = _files().get(request.path_params["path"])
    if found is None:
        return PlainTextResponse("404 Not Found", status_code=404)
    return _answer(request, found)


@cache
def _files() -> dict[str, Path]:
    return {path.relative_to(_HOME).as_posix(): path for path in _HOME.rglob("*.*") if path.suffix in _TYPES}


def _answer(request: Request, path: Path) -> Response:
    file = _read(path, path.stat().st_mtime_ns)
    headers = {
        "etag": file.etag,
        "cache-control": "no-cache",
        "vary": "accept-encoding",
        "content-security-policy": CONTENT_SECURITY_POLICY,
    }
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    content = file.content
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"], content = "gzip", file.compressed
    return Response(content, media_type=_TYPES[path.suffix], headers=headers)


@lru_cache(maxsize=128)
def _read(path: Path, _modified: int) -> _File:
    content = path.read_bytes()
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return _File(content, gzip.compress(content, mtime=0), etag)
