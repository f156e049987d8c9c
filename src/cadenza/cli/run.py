"""`cadenza run` and `cadenza resume`: they drive their own run, and no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import AnswerMissing, InvalidInput, InvalidOption
from .given import JSON_HELP, Actor, read_json, who
from .out import ask, brief, can_ask, document, hint
from .progress import follow
from .report import question_lines, tell_result
from .shapes import result_json
from .target import HERE, Where, opened

if TYPE_CHECKING:
    from ..app import Cadenza
    from ..history.event import Suspension
    from ..model.values import Json
    from ..run import Run as RunHandle
    from ..run import RunStream


async def run(
    workflow: Annotated[str, Parameter(help="The id of the workflow.")],
    /,
    *,
    input: Annotated[
        str | None,
        Parameter(name=["--input", "-i"], allow_leading_hyphen=True, help=f"The input: {JSON_HELP}"),
    ] = None,
    run_id: Annotated[str | None, Parameter(help="The id of the new run; made up without it.")] = None,
    resource_id: Annotated[str | None, Parameter(help="Whom or what the run is for.")] = None,
    actor: Actor = None,
    where: Where = HERE,
) -> int:
    """Start a run and follow it until it has ended or waits for people."""
    data = None if input is None else read_json(input, "-i")
    async with opened(where) as app:
        known = app.workflow(workflow)
        if known.workflow.validate_inputs is not False:
            # Now, and not when it starts: else each mistyped input would leave a pending run behind.
            known.workflow.input.check(data, InvalidInput, f"workflow {workflow}")
        handle = await known.create_run(run_id, resource_id=resource_id)
        return await _follow(handle.stream(input_data=data, actor=who(actor)), where, kept=outlives(app))


def outlives(app: Cadenza) -> bool:
    """Whether what the app keeps outlives this process."""
    from ..store.memory import MemoryStore

    return not isinstance(app.store, MemoryStore)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Named:
    """Which question is meant."""

    step: Annotated[str | None, Parameter(help="The step that asks: review, nested.approve, review[2].")] = (
        None
    )
    label: Annotated[str | None, Parameter(help="The label of the question.")] = None
    suspension: Annotated[str | None, Parameter(help="The id of the question.")] = None
    index: Annotated[int | None, Parameter(help="The item of a foreach, from 0.")] = None

    def arguments(self) -> dict[str, Any]:
        """The same as arguments of `Run.resume`."""
        return {
            "step": self.step,
            "label": self.label,
            "suspension_id": self.suspension,
            "for_each_index": self.index,
        }


NOTHING = Named()


async def resume(
    run: Annotated[str, Parameter(help="The id of the run.")],
    /,
    *,
    named: Named = NOTHING,
    data: Annotated[str | None, Parameter(allow_leading_hyphen=True, help=f"The answer: {JSON_HELP}")] = None,
    actor: Actor = None,
    idempotency_key: Annotated[
        str | None, Parameter(help="The same answer sent again with it gets the same outcome.")
    ] = None,
    dry_run: Annotated[bool, Parameter(help="Check everything and do nothing.")] = False,
    where: Where = HERE,
) -> int:
    """Answer a question of a run and follow the run on; without --data you are asked, on a terminal."""
    given = None if data is None else (read_json(data, "--data"),)
    if given is None and not can_ask():
        raise AnswerMissing
    async with opened(where) as app:
        handle = await app.get_run(run)
        actor = who(actor)
        if given is None:
            row = await _choose(app, handle, named)
            put(row)
            answer = await ask_answer(handle, row, actor)
            arguments = Named(suspension=row.id).arguments()
        else:
            answer, arguments = given[0], named.arguments()
        arguments |= {"actor": actor, "idempotency_key": idempotency_key, "resume_data": answer}
        if dry_run:
            result = await handle.resume(**arguments, dry_run=True)
            if where.json:
                document(result_json(result))
            else:
                hint("the answer would be taken; nothing was done")
            return 0
        return await _follow(handle.resume_stream(**arguments), where)


async def _follow(stream: RunStream[Any], where: Where, *, kept: bool = True) -> int:
    """Show a leg of a run as it goes, and how the run stands then."""
    from asyncio import CancelledError

    try:
        await follow(aiter(stream), quiet=where.json)
        result = await stream.result()
    except CancelledError:
        if kept:
            hint(f"interrupted; to go on: cadenza runs restart {stream.run_id}{where.options}")
        raise
    return tell_result(result, where, kept=kept)


async def _choose(app: Cadenza, handle: RunHandle[object], named: Named) -> Suspension:
    """The question that is meant; where several may be, the person says which."""
    from ..errors import RunNotSuspended, StepNotSuspended
    from ..history.resume import ResumeRequest, means, refuse, target_of
    from ..model.path import show

    if named.suspension is not None:
        row = await app.inbox.get(named.suspension)
        refuse(row)
        return row
    state = await handle.get_state()
    target = target_of(named.step)
    request = ResumeRequest(
        step=target if isinstance(target, tuple) else None, label=named.label, for_each_index=named.index
    )
    page = await app.inbox.list(run_id=handle.id, limit=None)
    rows = [row for row in page.items if means(request, row)]
    if not rows and not page.items:
        raise RunNotSuspended(handle.id, state.status)
    if not rows:
        raise StepNotSuspended(
            named.step or named.label or str(named.index), [show(row.path) for row in page.items]
        )
    if len(rows) == 1:
        return rows[0]
    for number, row in enumerate(rows, 1):
        hint(f"  {number}  {show(row.path)}{f' ({row.key})' if row.key else ''}: {brief(row.payload)}")
    while True:
        typed = ask(f"which one? (1-{len(rows)}): ")
        if typed.isdecimal() and 1 <= int(typed) <= len(rows):
            return rows[int(typed) - 1]


def put(row: Suspension) -> None:
    """Show the question to the person who is about to answer it."""
    from ..model.path import show

    hint(f"{show(row.path)}{f' ({row.key})' if row.key else ''} asks:")
    for line in question_lines(row):
        hint(f"  {line}")


async def ask_answer(handle: RunHandle[object], row: Suspension, actor: str | None) -> Json:
    """The answer that the person types; asked again until it would be taken."""
    from ..errors import InvalidResumeData
    from .form import Form

    if row.event is not None:
        raise InvalidOption(row.id, f"it waits for the event {row.event!r}; see cadenza events send")
    form = Form(row.resume_schema)
    answer = form.fill()
    while True:
        try:
            await handle.resume(suspension_id=row.id, resume_data=answer, actor=actor, dry_run=True)
        except InvalidResumeData as error:
            answer = form.fill(error.issues)
        else:
            return answer
