"""`cadenza worker`: goes on with runs that are due, answered or orphaned, until it is told to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from .out import local, one_or_many, paint, record, say
from .target import HERE, Where, opened

if TYPE_CHECKING:
    from ..engine.hooks import Notice

Target = Annotated[str | None, Parameter(name="MODULE:APP", help="The app, as --app.")]


async def worker(target: Target = None, /, *, where: Where = HERE) -> None:
    """Look after runs until SIGINT or SIGTERM; one line for each run that ends here."""
    import asyncio
    import signal

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def ended(notice: Notice) -> None:
        if where.json:
            record(
                {
                    "at": notice.at.isoformat(),
                    "run_id": notice.run_id,
                    "workflow": notice.workflow_id,
                    "status": notice.status,
                }
            )
        else:
            say(f"{local(notice.at)}  {notice.run_id}  {notice.workflow_id}  {paint(notice.status or '')}")

    async with opened(where, target, worker=True) as app:
        app.on("ended")(ended)
        if not where.json:
            say(
                f"looking after {one_or_many(len(app.workflows), 'workflow')}: {', '.join(sorted(app.workflows))}"
            )
        await stop.wait()
    if not where.json:
        say("stopped; what was under way goes on with the next worker")
