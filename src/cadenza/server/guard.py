"""Guard: what every request passes before a route sees it, and what every answer gets.

A browser sends along what it knows of a user to whoever a page names; so a page of another origin must not be able to change
anything: its unsafe requests are refused by what browsers say of themselves (`Sec-Fetch-Site`, `Origin`), which no page can
forge. Programs send neither. Host names are checked where a server has no auth: a name that an attacker lets point to
127.0.0.1 would make their page one of ours.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problem import problem

# The names of this machine for itself, with any port.
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
# The origin of a page that this machine serves.
HERE = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# What an answer has unless its route says something else.
_HEADERS: Mapping[str, str] = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not "no-referrer": with that a browser hides the origin of a form from us too.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class Gate:
    """What a request must pass.

    *origins* are those of other pages that may change something here (`"https://studio.example"`), with *studio* also all that
    this machine serves; *hosts* the names that a request may call this server by, None for any.
    """

    def __init__(
        self, *, origins: Collection[str] = (), hosts: Collection[str] | None = None, studio: bool = False
    ) -> None:
        self._origins = frozenset(origins)
        self._studio = studio
        self._hosts = None if hosts is None else frozenset(host.lower() for host in hosts)

    def refuse(self, method: str, headers: Headers) -> Response | None:
        """The answer to a request that must not pass; None where it may."""
        if self._hosts is not None and _name(headers.get("host", "")) not in self._hosts:
            return problem(421, "unknown_host", "This server does not go by that name")
        if method not in _SAFE and not self._may_write(headers):
            return problem(403, "cross_site", "A page of another origin must not change anything here")
        return None

    def _may_write(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin in self._origins or (self._studio and origin is not None and re.fullmatch(HERE, origin)):
            return True
        site = headers.get("sec-fetch-site")
        if site is not None:
            # "none": the user did it themselves. Another host of the same site is as foreign as any.
            return site in {"same-origin", "none"}
        return origin is None or _address(origin) == headers.get("host", "").lower()


class Guard:
    """An ASGI application around *app*: only what passes *gate* reaches it."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_headers(MutableHeaders(scope=message))
            await send(message)

        refused = self._gate.refuse(scope["method"], Headers(scope=scope))
        await (self._app if refused is None else refused)(scope, receive, send_with_headers)


def guarded(
    answer: Callable[[Request], Awaitable[Response]], gate: Gate
) -> Callable[[Request], Awaitable[Response]]:
    """*answer* with what `Guard` does, for one route inside an application that is not ours."""

    async def answer_guarded(request: Request) -> Response:
        response = gate.refuse(request.method, request.headers) or await answer(request)
        add_headers(response.headers)
        return response

    return answer_guarded


def add_headers(headers: MutableHeaders) -> None:
    """Let an answer have what each one has, unless its route says something else."""
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdecimal() else host.lower()


def _address(origin: str) -> str | None:
    """Name and port in an Origin header; None where it is no address."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None
