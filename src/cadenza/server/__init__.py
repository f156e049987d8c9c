"""The HTTP face of an app: `create_app(cadenza)` is an ASGI application that any host can run or mount.

Needs the extra `[server]`.
"""

from __future__ import annotations

from ..errors import ExtraMissing

try:
    from .app import create_app
    from .auth import api_keys, check_address, first_of, json_web_tokens
    from .guard import LOOPBACK_HOSTS, Guard
    from .links import Link, Links
    from .principal import Auth, Principal, Scope
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] not in {
        "starlette",
        "sse_starlette",
        "anyio",
        "jwt",
        "itsdangerous",
    }:
        raise
    raise ExtraMissing("server", "cadenza.server") from missing

__all__ = [
    "LOOPBACK_HOSTS",
    "Auth",
    "Guard",
    "Link",
    "Links",
    "Principal",
    "Scope",
    "api_keys",
    "check_address",
    "create_app",
    "first_of",
    "json_web_tokens",
]
