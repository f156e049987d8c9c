"""`cadenza serve`, `cadenza dev`, `cadenza openapi`: the HTTP server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..errors import AppNotNamed
from ..errors.data import without_password
from .out import document, say
from .target import HERE, Where, find_target, load_app, store_url

Target = Annotated[str | None, Parameter(name="MODULE:APP", help="The app, as --app.")]
Host = Annotated[str, Parameter(help="Where to listen; another than this machine's own needs --auth.")]
Port = Annotated[int, Parameter(help="0: one that is free.")]
Workers = Annotated[int, Parameter(help="So many processes, on one store.")]
Auth = Annotated[str | None, Parameter(help="module:name of what says who sent a request.")]
Studio = Annotated[bool, Parameter(help="Answer what Mastra Studio asks for, and let its pages call.")]


def serve(
    target: Target = None,
    /,
    *,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Workers = 1,
    auth: Auth = None,
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
            studio=studio,
        )
    )


def dev(target: Target = None, /, *, port: Port = 8000, where: Where = HERE) -> None:
    """Serve the app for this machine, anew whenever its code changes, with runs in .cadenza/dev.db."""
    from ..server.run import Serving
    from ..server.run import serve as serve_it

    store = store_url(where)
    if store is None:
        folder = Path(".cadenza")
        folder.mkdir(exist_ok=True)
        store = f"sqlite:///{(folder / 'dev.db').absolute()}"
    if not where.json:
        say(f"runs are in {without_password(store)}; Mastra Studio: npx mastra studio --server-port {port}")
    serve_it(Serving(target=_name(where, target), store=store, port=port, studio=True, reload=True))


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
