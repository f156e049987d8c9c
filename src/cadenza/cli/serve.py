"""`cadenza serve`, `cadenza dev`, `cadenza openapi`: the HTTP server."""

from __future__ import annotations

import socket
import time
import webbrowser
from pathlib import Path
from threading import Thread
from typing import Annotated

from cyclopts import Parameter

from ..errors import AppNotNamed
from ..errors.data import without_password
from .out import document, on_terminal, say
from .target import HERE, Where, find_target, load_app, store_url

Target = Annotated[str | None, Parameter(name="MODULE:APP", help="The app, as --app.")]
Host = Annotated[str, Parameter(help="Where to listen; another than this machine's own needs --auth.")]
Port = Annotated[int, Parameter(help="0: one that is free.")]
Workers = Annotated[int, Parameter(help="So many processes, on one store.")]
Auth = Annotated[str | None, Parameter(help="module:name of what says who sent a request.")]
Ui = Annotated[bool, Parameter(help="The studio's pages, at /.")]
TraceUrl = Annotated[str | None, Parameter(help="Where a trace is shown: https://…/{trace_id}.")]
Open = Annotated[bool | None, Parameter(help="Open the studio in a browser (at a terminal: yes).")]
Studio = Annotated[bool, Parameter(help="Answer what Mastra Studio asks for, and let its pages call.")]

# So long, in seconds, a browser waits for the server to come up.
_PATIENCE = 30


def serve(
    target: Target = None,
    /,
    *,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Workers = 1,
    auth: Auth = None,
    ui: Ui = True,
    trace_url: TraceUrl = None,
    studio: Studio = False,
    where: Where = HERE,
) -> None:
    """Serve the app over HTTP until told to stop, and look after its runs."""
    from ..server.run import Serving
    from ..server.run import serve as serve_it

    load_app(where, target)  # so that what is wrong with it is said as by every command
    serve_it(
        Serving(
            target=_name(where, target),
            store=store_url(where),
            host=host,
            port=port,
            workers=workers,
            auth=auth,
            ui=ui,
            trace_url=trace_url,
            studio=studio,
        )
    )


def dev(
    target: Target = None,
    /,
    *,
    port: Port = 8000,
    open: Open = None,  # noqa: A002  --open
    trace_url: TraceUrl = None,
    where: Where = HERE,
) -> None:
    """Serve the app for this machine, anew whenever its code changes, with runs in .cadenza/dev.db; open the studio."""
    from ..server.run import Serving
    from ..server.run import serve as serve_it

    store = store_url(where)
    if store is None:
        folder = Path(".cadenza")
        folder.mkdir(exist_ok=True)
        store = f"sqlite:///{(folder / 'dev.db').absolute()}"
    port = port or _free_port()
    if not where.json:
        say(f"the studio is at {_page(port)}")
        say(f"runs are in {without_password(store)}; Mastra Studio: npx mastra studio --server-port {port}")
    if on_terminal() if open is None else open:
        Thread(target=_open_when_there, args=(port,), daemon=True).start()
    name = _name(where, target)
    serve_it(Serving(target=name, store=store, port=port, trace_url=trace_url, studio=True, reload=True))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def _page(port: int) -> str:
    return f"http://127.0.0.1:{port}/"


def _open_when_there(port: int) -> None:
    """Open the studio in the browser once the server listens; not at all where that takes longer than anybody waits."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                webbrowser.open(_page(port))
                return
        except OSError:
            time.sleep(0.1)


def openapi(*, where: Where = HERE) -> None:
    """Print the OpenAPI document of the server."""
    from ..server.app import faces
    from ..server.openapi import openapi as describe

    del where
    document(describe(faces()))


def _name(where: Where, target: str | None) -> str:
    found = find_target(where, target)
    if found is None:
        raise AppNotNamed
    return found.name
