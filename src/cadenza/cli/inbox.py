"""`cadenza inbox`: the questions that are open over all runs, and answering them one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from ..errors import AnswerMissing, CadenzaError
from .given import JSON_HELP, Actor, length, moment, read_json, who
from .out import (
    ask,
    brief,
    can_ask,
    document,
    hint,
    local,
    on_terminal,
    one_or_many,
    paint,
    record,
    say,
    span,
    table,
)
from .report import tell_result
from .run import ask_answer, put
from .shapes import question_json
from .target import HERE, Where, opened

if TYPE_CHECKING:
    from ..app import Cadenza
    from ..history.event import Suspension
    from ..inbox import InboxPage

QuestionId = Annotated[str, Parameter(name="id", help="The id of the question.")]

inbox = App(name="inbox", help="The questions that wait, over all runs; on a terminal, answer them.")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which questions are meant."""

    workflow: Annotated[str | None, Parameter(help="Only those of this workflow.")] = None
    label: Annotated[str | None, Parameter(help="Only those with this label.")] = None
    assignee: Annotated[str | None, Parameter(help="Only those that this person may answer.")] = None
    older_than: Annotated[str | None, Parameter(help="Only those open for longer: 2d, 1h 30m.")] = None
    limit: Annotated[int, Parameter(help="At most so many.")] = 100

    async def page(self, app: Cadenza) -> InboxPage:
        """The open questions, oldest first."""
        older_than = None if self.older_than is None else length(self.older_than, "--older-than")
        return await app.inbox.list(
            workflow=self.workflow,
            label=self.label,
            assignee=self.assignee,
            older_than=older_than,
            limit=self.limit,
        )


ALL = Filter()


@inbox.default
async def go_through(
    *,
    which: Filter = ALL,
    watch: Annotated[
        bool, Parameter(help="Go on with questions that come; with --json a line each.")
    ] = False,
    actor: Actor = None,
    where: Where = HERE,
) -> None:
    """Go through the open questions: on a terminal one after the other, elsewhere as a list."""
    people = can_ask() and on_terminal() and not where.json
    async with opened(where, code=people) as app:
        if people:
            await _go_through(app, which, who(actor), watch=watch, where=where)
        elif watch:
            await _watch(app, which, where)
        else:
            _list(await which.page(app), where)


@inbox.command
async def ls(*, which: Filter = ALL, where: Where = HERE) -> None:
    """List the open questions, oldest first."""
    async with opened(where, code=False) as app:
        _list(await which.page(app), where)


def _list(page: InboxPage, where: Where) -> None:
    if where.json:
        document({"questions": [question_json(row) for row in page.items], "total": page.total})
        return
    table(
        ("id", "run", "workflow", "step", "open for", "deadline", "for", "question"),
        [
            (
                row.id,
                row.run_id,
                row.workflow,
                _step(row),
                span(row.opened_at),
                local(row.deadline),
                f"{row.claimed_by} (claimed)" if row.claimed_by else ", ".join(row.assigned),
                brief(row.payload) or (f"event {row.event}" if row.event else ""),
            )
            for row in page.items
        ],
    )
    if page.total > len(page.items):
        hint(f"{len(page.items)} of {page.total} questions; --limit {page.total} shows all")


def _step(row: Suspension) -> str:
    from ..model.path import show

    return show(row.path)


async def _watch(app: Cadenza, which: Filter, where: Where) -> None:
    """Print each question once, until interrupted."""
    seen: set[str] = set()
    while True:
        page = await which.page(app)
        for row in page.items:
            if row.id in seen:
                continue
            seen.add(row.id)
            if where.json:
                record(question_json(row))
            else:
                say(
                    f"{local(row.opened_at)}  {row.id}  {row.run_id}  {_step(row)}  {brief(row.payload, 100)}"
                )
        await app.store.changed(1.0)


# ------------------------------------------------------------------ one after the other


async def _go_through(app: Cadenza, which: Filter, actor: str | None, *, watch: bool, where: Where) -> None:
    done: set[str] = set()
    told = False
    while True:
        page = await which.page(app)
        ahead = [row for row in page.items if row.id not in done and row.event is None]
        if not ahead and not watch:
            say("nothing else waits" if done else "nothing waits")
            return
        if not ahead:
            if not told:
                say("waiting for questions; Ctrl+C ends")
            told = True
            await app.store.changed(1.0)
            continue
        told = False
        row = ahead[0]
        say()
        say(
            f"{paint(one_or_many(len(ahead), 'question'), 'yellow')}; run {row.run_id} of {row.workflow}, open for {span(row.opened_at)}"
        )
        if not await _put(app, row, actor, where):
            return
        done.add(row.id)


async def _put(app: Cadenza, row: Suspension, actor: str | None, where: Where) -> bool:
    """Put one question to the person; False where they have had enough."""
    from .report import question_lines

    say(f"  {_step(row)}{f' ({row.key})' if row.key else ''}")
    for line in question_lines(row):
        say(f"    {line}")
    while True:
        typed = ask("answer, skip, claim or quit? (a/s/c/q): ").lower()
        try:
            match typed[:1]:
                case "a":
                    handle = await app.get_run(row.run_id)
                    data = await ask_answer(handle, row, actor)
                    tell_result(await app.inbox.answer(row.id, data, actor=actor), where)
                    return True
                case "c":
                    claimed = await app.inbox.claim(row.id, actor or "")
                    say(f"  claimed by {claimed.claimed_by}: nobody else can answer it until it is released")
                case "s":
                    return True
                case "q":
                    return False
                case _:
                    pass
        except CadenzaError as error:
            # Somebody was faster, or it is not theirs to answer: that is said, and the next one comes.
            hint(f"  ! {error}")
            return True


# ------------------------------------------------------------------ one question


@inbox.command
async def answer(
    id_: QuestionId,
    /,
    *,
    data: Annotated[str | None, Parameter(allow_leading_hyphen=True, help=f"The answer: {JSON_HELP}")] = None,
    actor: Actor = None,
    idempotency_key: Annotated[
        str | None, Parameter(help="The same answer sent again with it gets the same outcome.")
    ] = None,
    where: Where = HERE,
) -> int:
    """Answer a question, and follow its run on; without --data you are asked, on a terminal."""
    from ..history.resume import refuse

    given = None if data is None else (read_json(data, "--data"),)
    if given is None and not can_ask():
        raise AnswerMissing
    async with opened(where) as app:
        actor = who(actor)
        if given is None:
            row = await app.inbox.get(id_)
            refuse(row)
            put(row)
            given = (await ask_answer(await app.get_run(row.run_id), row, actor),)
        result = await app.inbox.answer(id_, given[0], actor=actor, idempotency_key=idempotency_key)
        return tell_result(result, where)


@inbox.command
async def claim(id_: QuestionId, /, *, actor: Actor = None, where: Where = HERE) -> None:
    """Be the one who answers a question: nobody else can until it is released."""
    async with opened(where, code=False) as app:
        row = await app.inbox.claim(id_, who(actor) or "")
    _tell(row, f"{_step(row)} is claimed by {row.claimed_by}", where)


@inbox.command
async def release(
    id_: QuestionId,
    /,
    *,
    actor: Annotated[str | None, Parameter(help="Only if it is they who have claimed it.")] = None,
    where: Where = HERE,
) -> None:
    """Let others answer a question again that was claimed."""
    async with opened(where, code=False) as app:
        row = await app.inbox.release(id_, actor)
    _tell(row, f"{_step(row)} can be answered by all who may", where)


@inbox.command
async def extend(
    id_: QuestionId,
    deadline: Annotated[str, Parameter(help="So long from now, or a moment: 3d, 2026-01-31T12:00.")],
    /,
    *,
    where: Where = HERE,
) -> None:
    """Give an open question another deadline."""
    async with opened(where, code=False) as app:
        until = moment(deadline, "deadline", app.clock.now(), back=False)
        row = await app.inbox.extend(id_, until)
    _tell(row, f"{_step(row)} is open until {local(row.deadline)}", where)


@inbox.command
async def cancel(
    id_: QuestionId,
    /,
    *,
    reason: Annotated[str | None, Parameter(help="Why, for people.")] = None,
    actor: Actor = None,
    where: Where = HERE,
) -> None:
    """Withdraw a question: the step that asked fails."""
    async with opened(where) as app:
        await app.inbox.cancel(id_, reason, actor=who(actor))
        row = await app.inbox.get(id_)
    _tell(row, f"the question of {_step(row)} is withdrawn", where)


def _tell(row: Suspension, line: str, where: Where) -> None:
    if where.json:
        document(question_json(row))
    else:
        say(line)
