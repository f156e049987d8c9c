"""Errors of our own routes: `application/problem+json` (RFC 9457), with a stable `code`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ..errors import CadenzaError, InvalidData, Issue
from ..model.values import Json, encode
from .refusal import Refusal
from .statuses import status_of

MEDIA = "application/problem+json"
# What an error knows beside its message, where it is fit to be told: who was faster and when, what would have been right.
_TOLD = (
    "run_id",
    "suspension_id",
    "step",
    "status",
    "actor",
    "at",
    "claimed_by",
    "waiting",
    "known",
    "reason",
)

SCHEMA: Json = {
    "type": "object",
    "title": "Problem",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "stable; the error's name in snake case"},
        "detail": {"type": "string"},
        "issues": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "message"],
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


def status(error: type[CadenzaError]) -> int:
    """The HTTP status of an error on our routes."""
    return status_of(error).own


def refuse(_: Request, error: Exception) -> Response | None:
    """The answer to a request that ended in *error*; None where that is a fault of ours."""
    if isinstance(error, Refusal):
        return problem(error.status, error.code, error.message, error.issues)
    if isinstance(error, CadenzaError):
        issues = error.issues if isinstance(error, InvalidData) else ()
        told = {name: _json(getattr(error, name)) for name in _TOLD if hasattr(error, name)}
        told.pop("status", None)
        return problem(status(type(error)), error.code, str(error), issues, **told)
    return None


def problem(status: int, code: str, detail: str, issues: Sequence[Issue] = (), **told: Json) -> Response:
    """One problem, as an answer."""
    body: dict[str, Any] = {
        "type": f"urn:cadenza:error:{code}",
        "title": code.replace("_", " "),
        "status": status,
        "code": code,
        "detail": detail,
        **told,
    }
    if issues:
        body["issues"] = [{"path": issue.path, "message": issue.message} for issue in issues]
    return Response(encode(body), status_code=status, media_type=MEDIA)


def _json(value: Any) -> Json:
    return value.isoformat() if isinstance(value, datetime) else value
