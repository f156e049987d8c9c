"""Matching: which route a path belongs to, where a part of the path may hold any character.

A run may be named `orders/71`. Its address has `orders%2F71`; but servers hand over the path decoded, with one part more.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import unquote

from starlette.routing import Match, Route
from starlette.types import Scope

# Stands for a slash that belongs to a name while the path is taken apart. No text has it: Unicode keeps it for such a use.
_SLASH = "\ufdd0"
_ENCODED = re.compile("%2f", re.IGNORECASE)


class WholeParts(Route):
    """A route of Starlette that takes an encoded slash as a part of the name that it stands in."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        raw = scope.get("raw_path")
        # Some servers leave `raw_path` out; then the path is all there is.
        if scope["type"] != "http" or not raw or not _ENCODED.search(raw.decode("latin-1")):
            return super().matches(scope)
        path = unquote(_ENCODED.sub(_SLASH, raw.decode("latin-1").partition("?")[0]))
        match, found = super().matches({**scope, "path": path})
        params: MutableMapping[str, Any] = found.get("path_params", {})
        for name, value in params.items():
            params[name] = value.replace(_SLASH, "/")
        return match, found
