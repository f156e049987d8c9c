"""Where links lead: GET shows the question, POST answers it. The link is the credential; nobody is asked who they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ..app import Cadenza
from ..errors import (
    AlreadyAnswered,
    AnswerNotOffered,
    CadenzaError,
    IdempotencyConflict,
    InvalidData,
    Issue,
    SuspensionError,
)
from ..history.event import Suspension
from ..model.values import Json
from .form import form_of, read_form
from .html import CONTENT_SECURITY_POLICY
from .link_page import question_page, told_page
from .links import Link, Links
from .problem import status
from .reading import read_bytes
from .refusal import Refusal
from .route import Call, Face, Route

_HEADERS = {"content-security-policy": CONTENT_SECURITY_POLICY, "x-robots-tag": "noindex"}
# More fields than any form of ours has.
_MOST_FIELDS = 1000


def link_face(links: Links) -> Face:
    """The routes of *links*."""

    async def show(call: Call[None, None]) -> Response:
        link = links.read(call.path["token"], call.cadenza.clock.now())
        return _page(question_page(await _open_row(call.cadenza, link), link))

    async def answer(call: Call[None, None]) -> Response:
        token = call.path["token"]
        link = links.read(token, call.cadenza.clock.now())
        row = await call.cadenza.inbox.get(link.suspension_id)
        given = await _given(call.request, call.body_limit)
        data, issues = _answer_of(row, link, given)
        if issues:
            return _page(question_page(row, link, given=given, issues=issues), 422)
        try:
            await call.cadenza.inbox.answer(
                row.id,
                data,
                actor=link.actor,
                via="link",
                # A form that is sent twice is one answer.
                idempotency_key=f"link:{hashlib.sha256(token.encode()).hexdigest()[:32]}",
                wait=False,
            )
        except InvalidData as invalid:
            return _page(question_page(row, link, given=given, issues=invalid.issues), 422)
        return _page(told_page("Thank you", "Your answer was taken. You can close this page."))

    return Face(
        prefix="/links",
        routes=[
            Route(
                method="GET",
                path="/{token}",
                handler=show,
                scope=None,
                summary="The page of a link that answers",
                media="text/html",
                errors=(SuspensionError,),
                tags=("links",),
            ),
            Route(
                method="POST",
                path="/{token}",
                handler=answer,
                scope=None,
                summary="Answer by a link",
                media="text/html",
                errors=(SuspensionError, InvalidData),
                tags=("links",),
            ),
        ],
        refuse=_refuse,
        status=status,
        error_media="text/html",
        error_schema={"type": "string"},
    )


async def _open_row(app: Cadenza, link: Link) -> Suspension:
    await app.inbox.check(link.suspension_id, actor=link.actor)
    return await app.inbox.get(link.suspension_id)


def _answer_of(row: Suspension, link: Link, given: Mapping[str, str]) -> tuple[Json, list[Issue]]:
    if link.answers is None:
        return read_form(form_of(row.resume_schema), given)
    offered = {str(number): answer for number, answer in enumerate(link.answers)}
    choice = given.get("choice", "")
    if choice not in offered:
        raise AnswerNotOffered
    return offered[choice], []


async def _given(request: Request, limit: int) -> dict[str, str]:
    data = await read_bytes(request, limit)
    try:
        return dict(
            parse_qsl(data.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
        )
    except ValueError:
        raise Refusal(400, "invalid_form", "This is not what the form of this page sends") from None


def _refuse(_: Request, error: Exception) -> Response | None:
    if isinstance(error, AlreadyAnswered):
        who = f" by {error.actor}" if error.actor else ""
        when = f" at {error.at:%Y-%m-%d %H:%M} UTC" if error.at else ""
        return _page(told_page("Already answered", f"This question was answered{who}{when}."), 409)
    if isinstance(error, IdempotencyConflict):
        return _page(told_page("Already answered", "This link was used before, with another answer."), 409)
    if isinstance(error, Refusal):
        return _page(told_page("This cannot be done", error.message), error.status)
    if isinstance(error, CadenzaError) and (code := status(type(error))) < 500:
        return _page(told_page("This cannot be answered", str(error)), code)
    return None


def _page(html: str, status_code: int = 200) -> Response:
    return HTMLResponse(html, status_code=status_code, headers=_HEADERS)
