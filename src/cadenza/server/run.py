"""Serving an app with uvicorn: what `cadenza serve` and `cadenza dev` do."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvicorn
from pydantic_core import from_json, to_json
from starlette.applications import Starlette

from ..app import Cadenza
from ..errors import ServeError
from ..store.open import store_instead
from .app import create_app
from .auth import check_address
from .guard import LOOPBACK_HOSTS
from .links import links_from_environment
from .principal import Auth

# How long, in seconds, requests and streams may take to end when the server is told to stop.
_GRACE = 5
_SETTINGS = "CADENZA_SERVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What to serve and where. `target` and `auth` are "module:name"; the first one names a `Cadenza`, or a function that makes one.

    `hosts` are further names that the server answers to; with auth and without any it answers to all.
    `store` is the URL of another store than the app's.
    """

    target: str
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    auth: str | None = None
    ui: bool = True
    trace_url: str | None = None
    studio: bool = False
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    reload: bool = False
    store: str | None = None
    log_level: str = "info"


def serve(serving: Serving) -> None:
    """Serve until told to stop.

    With several *workers* each is a process of its own, on one store. Raises `ServeError` where the target cannot be served,
    and where others than this machine could reach it without *auth*.
    """
    check_address(serving.host, serving.auth)
    if not serving.reload:
        application(serving)  # so that a target that cannot be served is told here, once
    # uvicorn's other processes import what they serve; this is how they learn what it is.
    os.environ[_SETTINGS] = to_json(asdict(serving)).decode()
    uvicorn.run(
        "cadenza.server.run:serving_application",
        factory=True,
        host=serving.host,
        port=serving.port,
        workers=serving.workers if not serving.reload else None,
        reload=serving.reload,
        log_level=serving.log_level,
        timeout_graceful_shutdown=_GRACE,
    )


def application(serving: Serving) -> Starlette:
    """The ASGI application that *serving* names.

    Raises `ServeError`.
    """
    store_instead.set(serving.store)
    target = named(serving.target)
    cadenza = target if isinstance(target, Cadenza) or not callable(target) else target()
    if not isinstance(cadenza, Cadenza):
        raise ServeError(
            f"{serving.target} is {cadenza!r:.80}; expected a Cadenza, or a function that makes one"
        )
    auth: Auth | None = named(serving.auth) if serving.auth is not None else None
    return create_app(
        cadenza,
        auth=auth,
        ui=serving.ui,
        trace_url=serving.trace_url,
        studio=serving.studio,
        origins=serving.origins,
        # A name that an attacker lets point to this machine would make their page one of ours.
        hosts=(*LOOPBACK_HOSTS, *serving.hosts) if auth is None or serving.hosts else None,
        links=links_from_environment(),
    )


def serving_application() -> Starlette:
    """What `serve` was called with, in a process of uvicorn's."""
    return application(Serving(**from_json(os.environ[_SETTINGS])))


def named(target: str) -> Any:
    """What "module:name" names.

    Raises `ServeError`.
    """
    module, colon, name = target.partition(":")
    if not (module and colon and name):
        raise ServeError(f"{target!r} names nothing; write MODULE:NAME, as in shop.workflows:app")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name is None or not f"{module}.".startswith(f"{missing.name}."):
            raise
        raise ServeError(f"{target!r}: there is no module {missing.name!r} from {Path.cwd()}") from None
    for part in name.split("."):
        if not hasattr(found, part):
            raise ServeError(f"{target!r}: {module} has no {name!r}")
        found = getattr(found, part)
    return found
