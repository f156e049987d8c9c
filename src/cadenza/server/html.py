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
:root { color-scheme: light dark; --line: light-dark(#e4e4ea, #30303b); --edge: light-dark(#8b8b99, #6f6f80); --surface: light-dark(#fff, #1b1b22);
  --muted: light-dark(#5c5c6b, #a9a9b8); --accent: light-dark(#5546c8, #a79dff); --red: light-dark(#b3261e, #ff9086) }
* { box-sizing: border-box }
body { margin: 0; padding: 1rem; background: light-dark(#f7f7f9, #131318); color: light-dark(#1d1d26, #ececf2); overflow-wrap: anywhere;
  font: 1rem/1.55 Inter, ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif }
main { max-width: 38rem; margin: 0 auto; padding: 1.5rem; background: var(--surface); border: 1px solid var(--line); border-radius: 12px }
h1 { font-size: 1.375rem; line-height: 1.25; letter-spacing: -.01em; margin: 0 0 1rem }
h1::before { content: ""; display: block; width: 1.75rem; height: .875rem; margin: 0 0 .75rem; border: .2rem solid var(--accent); border-bottom: 0; border-radius: 1rem 1rem 0 0 }
fieldset { border: 1px solid var(--line); border-radius: 8px; margin: 0 0 1rem; padding: .75rem 1rem }
label, legend { font-weight: 600 } .choice label { font-weight: 400; display: flex; align-items: center; min-height: 2.5rem; cursor: pointer }
input:not([type=radio]), select, textarea { width: 100%; font: inherit; color: inherit; background: var(--surface); border: 1px solid var(--edge); border-radius: 5px; padding: .5rem .625rem; min-height: 2.75rem }
input[type=radio] { width: 1.2rem; height: 1.2rem; margin: 0 .75rem 0 0; accent-color: var(--accent) }
button { font: inherit; font-weight: 600; padding: .75rem 1.25rem; margin: 0 .5rem .5rem 0; min-height: 2.75rem; cursor: pointer; border: 0; border-radius: 8px; background: var(--accent); color: light-dark(#fff, #17152b) }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
.field { margin: 0 0 1rem } .hint { font-size: .875rem; color: var(--muted); margin: 0 0 .25rem } .wrong { color: var(--red); margin: .25rem 0 }
a { color: var(--accent) } .asked { margin: 0 0 1.25rem; padding-left: 1rem; border-left: 3px solid light-dark(#8a5000, #f2b457) }
.asked :is(p, ul, ol, pre, blockquote, dl) { margin: 0 0 .625rem } .asked > :last-child, dd > :last-child { margin-bottom: 0 } pre { overflow: auto; white-space: pre-wrap }
.asked :is(h1, h2, h3, h4, h5, h6) { font-size: 1rem; margin: 0 0 .5rem } .asked h1::before { display: none }
dt { font-size: .875rem; color: var(--muted) } dd { margin: 0 0 .625rem }
@media (max-width: 30rem) { body { padding: 0; background: var(--surface) } main { border: 0 } button { width: 100% } }
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
