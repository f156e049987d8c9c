"""The HTTP face of an app: `create_app(cadenza)` is an ASGI application that any host can run or mount.

Needs the extra `[server]`.
"""

from __future__ import annotations

from ..errors import ExtraMissing

try:
    from .app import create_app
    from .principal import Auth, Principal, Scope
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] not in {"starlette", "sse_starlette", "anyio"}:
        raise
    raise ExtraMissing("server", "cadenza.server") from missing

__all__ = ["Auth", "Principal", "Scope", "create_app"]
