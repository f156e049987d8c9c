"""What Mastra Studio asks for beside workflows: constant answers, so that its pages load; and calls across origins.

Studio itself is not part of this: `npx mastra studio --server-port 8000` shows it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from ..model.values import Json
from .guard import HERE
from .route import Call, Face, Route
from .wire import failures

# Without the first one Studio says "Failed to load studio"; the others keep its start page clean and its console silent.
_ANSWERS: dict[str, Json] = {
    "/auth/capabilities": {"enabled": False, "login": None},
    "/system/packages": {
        "packages": [],
        "isDev": False,
        "cmsEnabled": False,
        "observabilityEnabled": False,
        "storageType": "cadenza",
    },
    "/agents": {},
    "/tools": {},
    "/processors": {},
    "/scores/scorers": {},
    "/mcp/v0/servers": {"servers": [], "total_count": 0, "next": None},
    "/workspaces": {"workspaces": []},
    "/observability/feedback": {
        "feedback": [],
        "pagination": {"total": 0, "page": 0, "perPage": 1, "hasMore": False},
    },
    "/experiments/review-summary": {"counts": []},
    "/editor/builder/settings": {"enabled": False},
}
_HEADERS = [
    "authorization",
    "content-type",
    "idempotency-key",
    "last-event-id",
    "x-api-key",
    "x-mastra-client-type",
    "x-mastra-dev-playground",
]


def _constant(answer: Json) -> Callable[[Call[Any, Any]], Awaitable[Json]]:
    async def handler(_: Call[Any, Any]) -> Json:
        return answer

    return handler


STUDIO = Face(
    prefix="/api",
    refuse=failures.refuse,
    status=failures.status,
    error_media=failures.MEDIA,
    error_schema=failures.SCHEMA,
    routes=[
        Route(
            method="GET",
            path=path,
            handler=_constant(answer),
            scope="read",
            summary="A constant answer for Mastra Studio.",
            tags=("studio",),
            documented=False,
        )
        for path, answer in _ANSWERS.items()
    ],
)


def cross_origin(origins: Sequence[str], *, studio: bool) -> list[Middleware]:
    """What lets pages of *origins* call with credentials, and with *studio* those on this machine; nobody else's."""
    if not origins and not studio:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_origin_regex=HERE if studio else None,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
            allow_headers=_HEADERS,
            allow_credentials=True,
            expose_headers=["Content-Length", "X-Requested-With"],
        )
    ]
