"""Endpoint: a route as Starlette calls it. Who asks, may they, what do they say, the handler, its answer or its error."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ..app import Cadenza
from ..model.values import encode
from .principal import ANYBODY, NOBODY, Auth, Principal
from .reading import adapter_of, read_body, read_query
from .refusal import Refusal
from .route import Call, Face, Route

_log = logging.getLogger("cadenza.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What all routes of one server share.

    `aliases` are further names of workflows on Mastra's routes: {name: id}. `trace_url` is where a trace is shown.
    """

    cadenza: Cadenza
    auth: Auth | None
    body_limit: int
    aliases: Mapping[str, str] = field(default_factory=dict)
    trace_url: str | None = None


def endpoint(host: Host, face: Face, route: Route[Any, Any]) -> Callable[[Request], Awaitable[Response]]:
    """The function that answers requests to *route*."""

    async def answer(request: Request) -> Response:
        try:
            return await _answer(host, route, request)
        except Exception as error:
            refused = face.refuse(request, error)
            if refused is None:
                # Where nobody is asked who they are the path may be the credential: a link that answers.
                path = request.url.path if route.scope is not None else f"{face.prefix}{route.path}"
                _log.exception("%s %s failed", request.method, path)
                return _unexpected(face, request)
            return refused

    return answer


async def _answer(host: Host, route: Route[Any, Any], request: Request) -> Response:
    principal = NOBODY if route.scope is None else await _let_in(host.auth, request)
    if route.scope is not None and route.scope != "any" and not principal.may(route.scope):
        raise Refusal(403, "forbidden", f"This needs the scope {route.scope!r}")
    query = read_query(request, route.query) if route.query is not None else None
    body = await read_body(request, route.body, host.body_limit) if route.body is not None else None
    found = await route.handler(
        Call(
            cadenza=host.cadenza,
            request=request,
            path=request.path_params,
            query=query,
            body=body,
            principal=principal,
            body_limit=host.body_limit,
            asks=host.auth is not None,
            aliases=host.aliases,
            trace_url=host.trace_url,
        )
    )
    if isinstance(found, Response):
        return found
    data = encode(found) if route.answer is None else adapter_of(route.answer).dump_json(found, by_alias=True)
    return Response(data, status_code=route.status, media_type=route.media)


async def _let_in(auth: Auth | None, request: Request) -> Principal:
    if auth is None:
        return ANYBODY
    found = auth(request)
    principal = await found if inspect.isawaitable(found) else found
    if principal is None:
        raise Refusal(401, "unauthenticated", "Authentication required")
    return principal


def _unexpected(face: Face, request: Request) -> Response:
    # The log has the reason; a caller need not know what our code looks like.
    answer = face.refuse(request, Refusal(500, "internal_error", "Internal server error"))
    assert answer is not None
    return answer
