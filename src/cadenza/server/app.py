"""create_app: the ASGI application of an app."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute
from starlette.routing import Route as StarletteRoute

from ..app import Cadenza
from ..errors import ServeError
from . import problem
from .endpoint import Host, endpoint
from .guard import Gate, Guard
from .link_routes import link_face
from .links import Links
from .matching import WholeParts
from .openapi import openapi
from .own.face import OWN
from .pages import page_routes
from .principal import Auth
from .reading import BODY_LIMIT
from .route import Face
from .studio import STUDIO, cross_origin
from .wire import routes as wire


def create_app(
    cadenza: Cadenza,
    *,
    auth: Auth | None = None,
    ui: bool = True,
    trace_url: str | None = None,
    studio: bool = False,
    origins: Sequence[str] = (),
    hosts: Collection[str] | None = None,
    links: Links | None = None,
    aliases: Mapping[str, str] | None = None,
    body_limit: int = BODY_LIMIT,
) -> Starlette:
    """An ASGI application that serves *cadenza*; run it, or mount it in another one.

    Its lifespan opens the app and runs the worker. A mounted application's lifespan does not run: the store then opens at the
    first request, and timers, deadlines and orphaned runs need a worker elsewhere, or `async with cadenza` in the program
    around. *auth* says who sent a request; without it everybody may do everything. *ui*: the studio is
    at `/`; its pages show what our routes tell to who looks at them. *trace_url* is where they send people who want to see a
    trace: `"https://traces.example/{trace_id}"`. *studio* adds what Mastra Studio asks for
    beside workflows and lets pages on this machine call with credentials; *origins* are those of other pages that may.
    One of *hosts* must be what a request calls this server (`LOOPBACK_HOSTS` where there is no auth), None: anything. With *links*
    the pages are served where they lead. *aliases* are further names of workflows on Mastra's routes: {name: id}.
    Raises `ServeError`.
    """
    if trace_url is not None and not re.fullmatch(r"https?://\S*\{trace_id\}\S*", trace_url):
        raise ServeError(
            f"trace_url={trace_url!r}: expected an address with {{trace_id}} in it, as in https://traces.example/{{trace_id}}"
        )
    host = Host(cadenza=cadenza, auth=auth, body_limit=body_limit, aliases=aliases or {}, trace_url=trace_url)
    served = [*faces(studio=studio), *([link_face(links)] if links is not None else [])]
    document = openapi(served)

    async def describe(_: Request) -> Response:
        return JSONResponse(document)

    routes: list[BaseRoute] = [
        StarletteRoute("/api/openapi.json", describe, methods=["GET"]),
        StarletteRoute("/health", _health, methods=["GET"]),
        *starlette_routes(host, served),
        *(page_routes() if ui else []),
        # Mastra Studio asks for this first, and takes anything but a 200 for no server at all.
        *([StarletteRoute("/", _health, methods=["GET"])] if studio and not ui else []),
    ]
    app = Starlette(
        routes=routes,
        middleware=[
            *cross_origin(origins, studio=studio),
            Middleware(Guard, gate=Gate(origins=origins, hosts=hosts, studio=studio)),
        ],
        exception_handlers={HTTPException: _no_route},
        lifespan=lifespan_of(cadenza),
    )
    # "No such route" is what `/api/workflows/` gets: a redirect would lose the body of a POST.
    app.router.redirect_slashes = False
    return app


def faces(*, studio: bool = False) -> list[Face]:
    """What is served: each face has a prefix, routes and a shape of errors."""
    return [OWN, wire.FACE, *([STUDIO] if studio else [])]


def starlette_routes(host: Host, served: Iterable[Face]) -> list[BaseRoute]:
    """The routes of *served*, for Starlette."""
    return [
        WholeParts(
            f"{face.prefix}{route.path}",
            endpoint(host, face, route),
            methods=[route.method],
            include_in_schema=False,
        )
        for face in served
        for route in face.routes
    ]


def lifespan_of(cadenza: Cadenza) -> Callable[[object], AbstractAsyncContextManager[None]]:
    """The lifespan of an application that serves *cadenza*: it is open, with its worker, from start to stop."""

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        async with cadenza:
            yield

    return lifespan


async def _health(_: Request) -> Response:
    return JSONResponse({"success": True})


async def _no_route(request: Request, error: Exception) -> Response:
    """No such route, or not with this method: to a client of Mastra's routes these are one."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    if request.scope["path"].startswith("/api/v1/"):
        return problem.problem(status, "no_such_route", "There is no such route")
    return PlainTextResponse("404 Not Found", status_code=404)
