"""create_app: the ASGI application of an app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.routing import Route as StarletteRoute

from ..app import Cadenza
from .endpoint import Host, endpoint
from .openapi import openapi
from .principal import Auth
from .reading import BODY_LIMIT
from .route import Face


def create_app(
    cadenza: Cadenza,
    *,
    auth: Auth | None = None,
    studio: bool = False,
    body_limit: int = BODY_LIMIT,
    middleware: Iterable[Middleware] = (),
) -> Starlette:
    """An ASGI application that serves *cadenza*; run it, or mount it in another one.

    Its lifespan opens the app and runs the worker. A mounted application's lifespan does not run: the store then opens at the
    first request, and timers, deadlines and orphaned runs need a worker elsewhere, or `async with cadenza` in the program around. *auth* says who
    sent a request; without it everybody may do everything. *studio* adds what Mastra Studio asks for beside workflows, and
    lets pages of other origins call with credentials.
    """
    host = Host(cadenza=cadenza, auth=auth, body_limit=body_limit)
    served = faces(studio=studio)
    document = openapi(served)

    async def describe(_: Request) -> Response:
        return JSONResponse(document)

    routes: list[BaseRoute] = [StarletteRoute("/api/openapi.json", describe, methods=["GET"])]
    routes += starlette_routes(host, served)
    app = Starlette(routes=routes, middleware=[*middleware], lifespan=lifespan_of(cadenza))
    # "No such route" is what `/api/workflows/` gets: a redirect would lose the body of a POST.
    app.router.redirect_slashes = False
    return app


def faces(*, studio: bool = False) -> list[Face]:
    """What is served: each face has a prefix, routes and a shape of errors."""
    return []


def starlette_routes(host: Host, served: Iterable[Face]) -> list[BaseRoute]:
    """The routes of *served*, for Starlette."""
    return [
        StarletteRoute(
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
