"""Principal: who asks. What they may do is a set of scopes; each route names the one it needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from starlette.requests import Request

Scope: TypeAlias = Literal["read", "start", "resume", "admin"]
SCOPES: frozenset[Scope] = frozenset({"read", "start", "resume", "admin"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody who was let in. `name` is kept as the actor of what they do; None is nobody in particular.

    With `resource_id` they see the runs of that resource alone.
    """

    name: str | None
    scopes: frozenset[Scope] = SCOPES
    resource_id: str | None = None

    def may(self, scope: Scope) -> bool:
        """Whether they may do what needs *scope*; `admin` may do everything."""
        return scope in self.scopes or "admin" in self.scopes


# Without auth; and where nobody is asked.
ANYBODY = Principal(name=None)
NOBODY = Principal(name=None, scopes=frozenset())

# Who sent this request; None where that is not known: it is refused with 401.
Auth: TypeAlias = Callable[[Request], Principal | Awaitable[Principal | None] | None]
