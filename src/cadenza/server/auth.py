"""Who sent a request: API keys, JSON Web Tokens. Both are functions from a request to a `Principal`, as anybody's may be."""

from __future__ import annotations

import hashlib
import hmac
import inspect
import ipaddress
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import jwt
from starlette.requests import Request

from ..errors import NobodyChecked, WeakSecret
from .principal import SCOPES, Auth, Principal, Scope

# Shorter than this a key can be guessed.
_LEAST = 16
# How far the clock of who issued a token may be off.
_LEEWAY = timedelta(seconds=30)


def api_keys(principals: Mapping[str, Principal]) -> Auth:
    """Let in who sends one of these keys, as `Authorization: Bearer KEY` or `X-API-Key: KEY`.

    How long a comparison takes says nothing of the keys: all are compared, by their hashes.

    Raises `WeakSecret` for a key of fewer than 16 characters.
    """
    if any(len(key) < _LEAST for key in principals):
        raise WeakSecret("an API key", _LEAST)
    known = [(_hash(key), principal) for key, principal in principals.items()]

    def check(request: Request) -> Principal | None:
        given = _hash(_bearer(request) or request.headers.get("x-api-key", ""))
        found: Principal | None = None
        for hashed, principal in known:
            if hmac.compare_digest(hashed, given):
                found = principal
        return found

    return check


def json_web_tokens(
    *keys: Any,
    algorithms: Sequence[str],
    audience: str | None = None,
    issuer: str | None = None,
    scope_claim: str = "scope",
    resource_claim: str | None = None,
) -> Auth:
    """Let in who sends a token signed with one of *keys*, as `Authorization: Bearer TOKEN`.

    The token must have `exp` and `sub`, which is who they are, and be signed by one of *algorithms*, whatever it says itself.
    *scope_claim* names the claim with the scopes: a list, or words in one text; others than ours are ignored, and without any
    nothing is allowed. Several keys let old tokens live while keys rotate.

    Raises `WeakSecret` for a text of fewer than 32 characters, `ValueError` where no algorithm is named, or "none".
    """
    if not algorithms or any(name.lower() == "none" for name in algorithms):
        raise ValueError(
            "name the algorithms that tokens are signed with, such as ['RS256']; 'none' signs nothing"
        )
    if any(isinstance(key, str) and len(key) < 2 * _LEAST for key in keys):
        raise WeakSecret("the key of a token", 2 * _LEAST)
    required = ["exp", "sub", *(["aud"] if audience else []), *(["iss"] if issuer else [])]

    def check(request: Request) -> Principal | None:
        token = _bearer(request)
        for key in keys if token else ():
            try:
                claims = jwt.decode(
                    token,
                    key,
                    algorithms=list(algorithms),
                    audience=audience,
                    issuer=issuer,
                    leeway=_LEEWAY,
                    options={"require": required, "verify_aud": audience is not None},
                )
            except jwt.PyJWTError:
                continue
            return _principal(claims, scope_claim, resource_claim)
        return None

    return check


def first_of(*ways: Auth) -> Auth:
    """Let in whom one of *ways* lets in, asked in this order."""

    async def check(request: Request) -> Principal | None:
        for way in ways:
            found = way(request)
            principal = await found if inspect.isawaitable(found) else found
            if principal is not None:
                return principal
        return None

    return check


def check_address(host: str, auth: object | None) -> None:
    """Raise `NobodyChecked` where a server on *host* would let in everybody who reaches the machine."""
    if auth is None and not is_loopback(host):
        raise NobodyChecked(host)


def is_loopback(host: str) -> bool:
    """Whether *host*, a name or an address, is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a name: nobody knows what it stands for tomorrow
        return False


def _principal(claims: Mapping[str, Any], scope_claim: str, resource_claim: str | None) -> Principal | None:
    given = claims.get(scope_claim, [])
    words = given.split() if isinstance(given, str) else given if isinstance(given, list) else []
    scopes: frozenset[Scope] = frozenset(scope for scope in SCOPES if scope in words)
    if resource_claim is None:
        return Principal(name=claims["sub"], scopes=scopes)
    resource = claims.get(resource_claim)
    # Without its resource they would see those of everybody.
    return (
        Principal(name=claims["sub"], scopes=scopes, resource_id=resource)
        if isinstance(resource, str)
        else None
    )


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
