"""The inbox: questions that wait for people, over all runs, and what can be done with one. Also events, which some wait for."""

from __future__ import annotations

from typing import Any

from ...errors import (
    ActorNotAllowed,
    AlreadyAnswered,
    AlreadyClaimed,
    IdempotencyConflict,
    InvalidDuration,
    InvalidResumeData,
    NoEventTarget,
    RunHeld,
    RunNotFound,
    SuspensionCanceled,
    SuspensionExpired,
    SuspensionNotFound,
    SuspensionSuperseded,
)
from ..refusal import Refusal
from ..route import Call, Route
from .access import actor_of, own_question, own_run
from .asked import Acting, AnswerAsked, CancelAsked, EventAsked, ExtendAsked, InboxAsked
from .told import Answered, InboxTold, QuestionTold, Reached, question_told

# An idempotency key that is longer is no key.
_KEY = 255


async def list_inbox(call: Call[InboxAsked, None]) -> InboxTold:
    query = call.query.model_dump()
    mine = call.principal.resource_id
    if mine is not None and query["resource_id"] not in {None, mine}:
        return InboxTold(items=[], total=0)
    if mine is not None:
        query["resource_id"] = mine
    page = await call.cadenza.inbox.list(**query)
    return InboxTold(items=[question_told(row) for row in page.items], total=page.total)


async def get_question(call: Call[None, None]) -> QuestionTold:
    return question_told(await own_question(call))


async def answer(call: Call[None, AnswerAsked]) -> Answered:
    row = await own_question(call)
    key = call.request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= _KEY:
        raise Refusal(400, "invalid_idempotency_key", f"An Idempotency-Key has 1 to {_KEY} characters")
    found: Any = await call.cadenza.inbox.answer(
        row.id,
        call.body.data,
        actor=actor_of(call, call.body.actor),
        idempotency_key=key,
        runtime_context=call.body.runtime_context,
        dry_run=call.body.dry_run,
        wait=call.body.wait,
        via="http",
    )
    return Answered(run_id=row.run_id, status=found.status, result=getattr(found, "result", None))


async def claim(call: Call[None, Acting]) -> QuestionTold:
    row = await own_question(call)
    return question_told(await call.cadenza.inbox.claim(row.id, _named(call)))


async def release(call: Call[None, Acting]) -> QuestionTold:
    row = await own_question(call)
    # Who may do everything may also take it from somebody who has gone home.
    by = None if call.principal.may("admin") and call.body.actor is None else _named(call)
    return question_told(await call.cadenza.inbox.release(row.id, by))


async def extend(call: Call[None, ExtendAsked]) -> QuestionTold:
    row = await own_question(call)
    return question_told(await call.cadenza.inbox.extend(row.id, call.body.deadline))


async def cancel(call: Call[None, CancelAsked]) -> QuestionTold:
    row = await own_question(call)
    await call.cadenza.inbox.cancel(
        row.id, call.body.reason, actor=actor_of(call, call.body.actor), via="http"
    )
    return question_told(await call.cadenza.inbox.get(row.id))


async def send_event(call: Call[None, EventAsked]) -> Reached:
    if call.body.run_id is not None:
        await own_run(call, call.body.run_id)
    elif call.principal.resource_id is not None:
        raise Refusal(
            403, "forbidden", "You see one resource's runs alone: name the run that the event is for"
        )
    reached = await call.cadenza.send_event(
        call.body.name,
        call.body.data,
        run_id=call.body.run_id,
        match=call.body.match,
        keep=call.body.keep,
        actor=actor_of(call, call.body.actor),
    )
    return Reached(run_ids=reached)


def _named(call: Call[None, Acting]) -> str:
    actor = actor_of(call, call.body.actor)
    if actor is None:
        raise Refusal(422, "actor_missing", "The server does not know who you are: give your name as actor")
    return actor


_CLOSED = (
    SuspensionNotFound,
    AlreadyAnswered,
    SuspensionExpired,
    SuspensionCanceled,
    SuspensionSuperseded,
)


def _route(path: str, handler: Any, summary: str, body: Any, answer: Any, **more: Any) -> Route[Any, Any]:
    given = {"method": "POST", "scope": "resume", "tags": ("inbox",)} | more
    return Route(path=path, handler=handler, summary=summary, body=body, answer=answer, **given)


ROUTES: list[Route[Any, Any]] = [
    Route(
        method="GET",
        path="/inbox",
        handler=list_inbox,
        scope="read",
        summary="Questions over all runs, oldest first",
        query=InboxAsked,
        answer=InboxTold,
        errors=(InvalidDuration,),
        tags=("inbox",),
    ),
    Route(
        method="GET",
        path="/inbox/{id}",
        handler=get_question,
        scope="read",
        summary="One question, with the JSON Schema of its answer",
        answer=QuestionTold,
        errors=(SuspensionNotFound,),
        tags=("inbox",),
    ),
    _route(
        "/inbox/{id}/answer",
        answer,
        "Answer a question; with an `Idempotency-Key` safe to repeat",
        AnswerAsked,
        Answered,
        errors=(
            *_CLOSED,
            IdempotencyConflict,
            AlreadyClaimed,
            ActorNotAllowed,
            InvalidResumeData,
            RunHeld,
        ),
    ),
    _route(
        "/inbox/{id}/claim",
        claim,
        "Be the one who answers",
        Acting,
        QuestionTold,
        errors=(*_CLOSED, AlreadyClaimed, ActorNotAllowed),
    ),
    _route(
        "/inbox/{id}/release",
        release,
        "Let others answer again",
        Acting,
        QuestionTold,
        errors=(*_CLOSED, AlreadyClaimed),
    ),
    _route(
        "/inbox/{id}/extend",
        extend,
        "Give a question another deadline",
        ExtendAsked,
        QuestionTold,
        scope="admin",
        errors=(*_CLOSED, InvalidDuration),
    ),
    _route(
        "/inbox/{id}/cancel",
        cancel,
        "Withdraw a question: the step that asked fails",
        CancelAsked,
        QuestionTold,
        scope="admin",
        errors=_CLOSED,
    ),
    _route(
        "/events",
        send_event,
        "Let an event reach the runs that wait for it",
        EventAsked,
        Reached,
        errors=(RunNotFound, NoEventTarget, InvalidResumeData),
        tags=("events",),
    ),
]
