"""Who asks: what a page shows and offers depends on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..principal import Scope
from ..route import Call, Route

_SCOPES: tuple[Scope, ...] = ("read", "start", "resume", "admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Who asks, and what they may do. With `resource_id` they see its runs alone; `auth`: whether the server asks who one is.

    `trace_url` is where a trace is shown, with `{trace_id}` in it; null where that was not told.
    """

    name: str | None
    scopes: Sequence[Scope]
    resource_id: str | None
    auth: bool
    trace_url: str | None


async def me(call: Call[None, None]) -> Me:
    who = call.principal
    scopes: list[Scope] = [scope for scope in _SCOPES if who.may(scope)]
    return Me(
        name=who.name,
        scopes=scopes,
        resource_id=who.resource_id,
        auth=call.asks,
        trace_url=call.trace_url,
    )


ROUTES: list[Route[Any, Any]] = [
    Route(
        method="GET",
        path="/me",
        handler=me,
        scope="any",
        summary="Who you are here, and what you may do",
        answer=Me,
        tags=("server",),
    ),
]
