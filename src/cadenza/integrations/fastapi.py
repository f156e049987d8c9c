"""The routes of an app, inside a FastAPI application: `api.include_router(router(cadenza))`. Needs the extra `[fastapi]`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..app import Cadenza
from ..errors import ExtraMissing

try:
    from fastapi import APIRouter
    from fastapi.routing import APIRoute

    from ..server.app import faces, lifespan_of
    from ..server.endpoint import Host, endpoint
    from ..server.guard import Gate, guarded
    from ..server.matching import WholeParts
    from ..server.openapi import describe_route
    from ..server.principal import Auth
    from ..server.reading import BODY_LIMIT
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] not in {"fastapi", "starlette", "sse_starlette"}:
        raise
    raise ExtraMissing("fastapi", "cadenza.integrations.fastapi") from missing


class _WholeParts(WholeParts, APIRoute):
    """The same, as FastAPI makes routes; it makes them anew where a router is included."""


def router(
    cadenza: Cadenza,
    *,
    auth: Auth | None = None,
    origins: Collection[str] = (),
    hosts: Collection[str] | None = None,
    aliases: Mapping[str, str] | None = None,
    body_limit: int = BODY_LIMIT,
) -> APIRouter:
    """A router with the same routes as `cadenza.server.create_app`; they stand in the application's own OpenAPI document.

    Including it runs the app with its worker for as long as the application lives. What `create_app` refuses these routes refuse
    too, whatever the application around them lets in: unsafe requests of pages that are neither its own nor of *origins*, and
    host names other than *hosts*.
    """
    gate = Gate(origins=origins, hosts=hosts)
    host = Host(cadenza=cadenza, auth=auth, body_limit=body_limit, aliases=aliases or {})
    found = APIRouter(lifespan=lifespan_of(cadenza), route_class=_WholeParts)
    for face in faces():
        for route in face.routes:
            found.add_api_route(
                f"{face.prefix}{route.path}",
                guarded(endpoint(host, face, route), gate),
                methods=[route.method],
                status_code=route.status,
                summary=route.summary,
                tags=list(route.tags),
                include_in_schema=route.documented,
                openapi_extra=describe_route(face, route),
            )
    return found


__all__ = ["router"]
