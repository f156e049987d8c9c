"""Routes as data: what a server answers, to whom, and with what. Starlette's routes and OpenAPI are both made of this."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from ..app import Cadenza
from ..errors import CadenzaError
from .principal import Principal, Scope

Query = TypeVar("Query")
Body = TypeVar("Body")
Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[Query, Body]):
    """One request, read: what a handler gets. `path` holds the parts of the path that the route names.

    `asks`: whether this server asks who somebody is.
    """

    cadenza: Cadenza
    request: Request
    path: Mapping[str, str]
    query: Query
    body: Body
    principal: Principal
    body_limit: int
    asks: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict)
    trace_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Generic[Query, Body]):
    """One method of one path (below the prefix of its face: `/runs/{run_id}`) and who answers it.

    `query` and `body` are any types that Pydantic knows, read from the request; None: nothing is read. A handler returns a
    `Response`, or a value of the type `answer`, which is sent as JSON (with `answer` None: plain JSON as it is). `errors` are
    those it is expected to raise; they are listed in OpenAPI. With `scope` None nobody is asked who they are, with "any" whoever is let in may use it. `media` is the
    content type of the answer, `status` its HTTP status.
    """

    method: Method
    path: str
    handler: Callable[[Call[Query, Body]], Awaitable[Any]]
    scope: Scope | Literal["any"] | None
    summary: str
    query: type[Query] | None = None
    body: type[Body] | None = None
    answer: Any = None
    media: str = "application/json"
    status: int = 200
    errors: tuple[type[CadenzaError], ...] = ()
    tags: tuple[str, ...] = ()
    documented: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """Routes that share a prefix and the shape of their errors.

    `refuse` makes the answer to a request that ended in an error, None where that is a fault of ours; `status` says which HTTP
    status it has, for OpenAPI.
    """

    prefix: str
    routes: Sequence[Route[Any, Any]]
    refuse: Callable[[Request, Exception], Response | None]
    status: Callable[[type[CadenzaError]], int]
    error_media: str
    error_schema: Mapping[str, Any]
