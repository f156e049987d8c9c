"""HTML that is escaped by default: text is text, and only what `tag` made is markup."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from typing import TypeAlias


class Html(str):
    """A piece of markup."""

    __slots__ = ()


Child: TypeAlias = "str | Html | Iterable[Child] | None"
_VOID = frozenset({"input", "meta", "br"})

# For a phone held in one hand, in light and in dark.
_STYLE = """
:root { color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif }
body { max-width: 38rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere }
fieldset { border: 1px solid; border-radius: .5rem; margin: 0 0 1rem }
label, legend { font-weight: 600 } .choice label { font-weight: 400 }
input:not([type=radio]), select, textarea { box-sizing: border-box; width: 100%; font: inherit; padding: .5rem }
input[type=radio] { width: 1.2rem; height: 1.2rem; margin: .5rem }
button { font: inherit; font-weight: 600; padding: .75rem 1.25rem; margin: 0 .5rem .5rem 0; min-height: 2.75rem }
.field { margin: 0 0 1rem } .hint { font-size: .9rem; margin: 0 } .wrong { color: light-dark(#a40000, #ff9a9a); margin: 0 }
dt { font-weight: 600 } dd { margin: 0 0 .5rem; white-space: pre-wrap }
"""
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'"
)


def tag(name: str, /, *children: Child, **attributes: str | bool | None) -> Html:
    """An element. An attribute's trailing `_` falls away, `_` inside is `-`; True stands alone, False and None are left out."""
    given = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{name}{given}>" if name in _VOID else f"<{name}{given}>{_text(children)}</{name}>")


def page(title: str, *children: Child) -> str:
    """A whole page. It needs no script and loads nothing."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="robots", content="noindex"),
        tag("title", title),
        tag("style", Html(_STYLE)),
    )
    return "<!doctype html>" + tag(
        "html", head, tag("body", tag("main", tag("h1", title), *children)), lang="en"
    )


def _text(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, str):
        return escape(child)
    return "".join(map(_text, child))
