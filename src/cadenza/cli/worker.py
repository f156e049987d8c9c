"""`cadenza worker`: goes on with runs that are due, answered or orphaned, until it is told to stop."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from .out import local, one_or_many, paint, record, say
from .target import HERE, Where, opened
from .temporal import NO_SERVER, Server, on_temporal

if TYPE_CHECKING:
    from ..engine.hooks import Notice

Target = Annotated[str | None, Parameter(name="MODULE:APP", help="The app, as --app.")]


async def worker(target: Target = None, /, *, where: Where = HERE, server: Server = NO_SERVER) -> None:
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

    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(opened(where, target, worker=server.temporal is None))
        if server.temporal is not None:
            app = await stack.enter_async_context(on_temporal(app, server))
        app.on("ended")(ended)
        if not where.json:
            say(
                f"looking after {one_or_many(len(app.workflows), 'workflow')}: {', '.join(sorted(app.workflows))}"
            )
        await stop.wait()
    if not where.json:
        say("stopped; what was under way goes on with the next worker")
