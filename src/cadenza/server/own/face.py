"""All of our own routes, and whether the server is well."""

from __future__ import annotations

from typing import Any

from .. import problem
from ..refusal import Refusal
from ..route import Call, Face, Route
from . import acting, changes, inbox, me, runs, schedules, workflows
from .told import Well


async def health(_: Call[None, None]) -> Well:
    return Well()


async def ready(call: Call[None, None]) -> Well:
    try:
        await call.cadenza.store.owners()
    except Exception as error:  # whatever it is: requests should go elsewhere
        raise Refusal(503, "not_ready", "The store cannot be read") from error
    return Well()


_WELL: list[Route[Any, Any]] = [
    Route(
        method="GET",
        path=f"/{path}",
        handler=handler,
        scope=None,
        summary=summary,
        answer=Well,
        tags=("server",),
    )
    for path, handler, summary in (
        ("health", health, "Whether the server is there"),
        ("ready", ready, "Whether it can be asked: its store answers"),
    )
]

OWN = Face(
    prefix="/api/v1",
    routes=[
        *me.ROUTES,
        *workflows.ROUTES,
        *runs.ROUTES,
        *acting.ROUTES,
        *changes.ROUTES,
        *inbox.ROUTES,
        *schedules.ROUTES,
        *_WELL,
    ],
    refuse=problem.refuse,
    status=problem.status,
    error_media=problem.MEDIA,
    error_schema=problem.SCHEMA,
)
