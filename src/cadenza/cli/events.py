"""`cadenza events`: letting an event reach the runs that wait for it."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from ..errors import InvalidOption
from .given import JSON_HELP, Actor, read_json, who
from .out import document, hint, one_or_many, say
from .target import HERE, Where, opened

events = App(name="events", help="Send events to runs that wait for them.")


@events.command
async def send(
    name: Annotated[str, Parameter(help="The name of the event.")],
    /,
    *,
    data: Annotated[
        str | None, Parameter(allow_leading_hyphen=True, help=f"What comes with it: {JSON_HELP}")
    ] = None,
    run: Annotated[str | None, Parameter(help="Only the run with this id.")] = None,
    match: Annotated[
        str | None, Parameter(help="Only waits that hold all of this: '{\"order\": 7}'; {} means all.")
    ] = None,
    keep: Annotated[bool, Parameter(help="Where nobody waits yet: keep it for 24 hours.")] = False,
    actor: Actor = None,
    where: Where = HERE,
) -> None:
    """Send an event. The runs that it reaches go on here."""
    value = None if data is None else read_json(data, "--data")
    matching = None if match is None else read_json(match, "--match")
    if matching is not None and not isinstance(matching, dict):
        raise InvalidOption("--match", "an object is expected, such as '{\"order\": 7}'")
    async with opened(where) as app:
        reached = await app.send_event(name, value, run_id=run, match=matching, keep=keep, actor=who(actor))
        for run_id in reached:
            # They are driven by this process, so it stays until they rest.
            async for _ in (await app.get_run(run_id)).observe_stream():
                pass
    if where.json:
        document({"reached": reached})
        return
    say(f"{name} reached {one_or_many(len(reached), 'run')}")
    for run_id in reached:
        say(f"  {run_id}")
    if not reached:
        hint("it is kept for 24 hours" if keep else "nobody waits for it; --keep keeps it for those who come")
