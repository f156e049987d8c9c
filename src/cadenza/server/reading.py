"""Reading a request: its body and its query, by the types that its route names."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request

from ..errors import Issue
from ..model.values import Json
from .refusal import Refusal

# As Mastra's server: 4.5 MiB.
BODY_LIMIT = 4_718_592


@cache
def adapter_of(type_: Any) -> TypeAdapter[Any]:
    """How Pydantic reads and writes *type_*; made once."""
    return TypeAdapter(type_)


async def read_body(request: Request, type_: Any, limit: int) -> Any:
    """The body of *request* as *type_*. No body, and one that does not call itself JSON, counts as `{}`.

    Raises `Refusal`: 413 where it has more bytes than *limit*, 400 where it is no JSON or does not fit.
    """
    data = await read_bytes(request, limit)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    value: Json = {}
    if data.strip() and (kind == "application/json" or kind.endswith("+json")):
        try:
            value = from_json(data, allow_inf_nan=False)
        except ValueError as error:
            raise Refusal(
                400, "invalid_body", "Invalid request body", [Issue(path="body", message=str(error))]
            ) from None
    return _read(type_, value, "invalid_body", "Invalid request body")


def read_query(request: Request, type_: Any) -> Any:
    """The query of *request* as *type_*; of a key that is given several times the last one counts.

    Raises `Refusal`, 400.
    """
    return _read(type_, dict(request.query_params), "invalid_query", "Invalid query parameters", strings=True)


def _read(type_: Any, value: Json, code: str, message: str, *, strings: bool = False) -> Any:
    adapter = adapter_of(type_)
    try:
        return adapter.validate_strings(value) if strings else adapter.validate_python(value, strict=False)
    except ValidationError as invalid:
        issues = [
            Issue(path=".".join(str(part) for part in issue["loc"]) or "root", message=issue["msg"])
            for issue in invalid.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise Refusal(400, code, message, issues) from None


def in_utc(at: datetime) -> datetime:
    """*at* in UTC, which it is in where it names no zone.

    Raises `ValueError` where it lies before the first year there, or after the last.
    """
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError:
        raise ValueError("in UTC there is no such moment") from None


async def read_bytes(request: Request, limit: int) -> bytes:
    """The body of *request* as it is.

    Raises `Refusal`, 413, where it has more bytes than *limit*.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large()
    chunks = bytearray()
    try:
        async for chunk in request.stream():
            chunks += chunk
            if len(chunks) > limit:
                raise _too_large()
    except ClientDisconnect:
        raise Refusal(400, "client_gone", "The client went away before its request was complete") from None
    return bytes(chunks)


def _too_large() -> Refusal:
    return Refusal(413, "body_too_large", "Request body too large")
