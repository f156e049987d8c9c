"""`cadenza link`: a signed link by which one person answers one question."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ..errors import NoLinkSecrets
from .given import length, read_json
from .out import document, hint, local, say
from .shapes import iso
from .target import HERE, Where, opened


async def link(
    id_: Annotated[str, Parameter(name="id", help="The id of the question; see cadenza inbox ls.")],
    /,
    *,
    actor: Annotated[str | None, Parameter(help="Who answers by it; recorded with the answer.")] = None,
    answer: Annotated[
        list[str] | None,
        Parameter(
            allow_leading_hyphen=True,
            help="An answer that it allows, as JSON or @file; may be given several times. Else any.",
        ),
    ] = None,
    expires: Annotated[str, Parameter(help="How long it is good: 3d.")] = "7d",
    base_url: Annotated[
        str | None, Parameter(help="Where people reach the server (CADENZA_BASE_URL): https://flows.example")
    ] = None,
    where: Where = HERE,
) -> None:
    """Make a link by which somebody answers a question; signed with the newest of CADENZA_LINK_SECRETS."""
    span = length(expires, "--expires")
    answers = None if answer is None else [read_json(given, "--answer") for given in answer]
    from ..server.links import links_from_environment

    links = links_from_environment(base_url=base_url)
    if links is None:
        raise NoLinkSecrets
    # With the code, because the answers are checked as the step that asks would check them.
    async with opened(where, code=answers is not None) as app:
        url = await links.make(app, id_, actor=actor, answers=answers, expires=span)
        until = links.read(url.rpartition("/")[2], app.clock.now()).until
    if where.json:
        document({"link": url, "suspension_id": id_, "actor": actor, "expires_at": iso(until)})
        return
    say(url)
    hint(f"good until {local(until)}; whoever has it may answer: send it to one person only")
    if url.startswith("/"):
        hint("nothing says where the server is: give --base-url, or set CADENZA_BASE_URL")
