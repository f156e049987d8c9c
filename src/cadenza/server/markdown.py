"""Text of people as HTML: Markdown without HTML in it, without pictures, and with links to pages and mail alone."""

from __future__ import annotations

from typing import Any

from markdown_it import MarkdownIt

from .html import Html

_SCHEMES = ("http://", "https://", "mailto:")


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802  the library's name
        """Whether a link may lead to *url*."""
        return url.lower().startswith(_SCHEMES)


# A picture would be loaded from wherever the text says, and so tell that it was looked at.
_markdown = _Markdown("commonmark", {"html": False, "breaks": True}).disable(
    ["image", "html_block", "html_inline"]
)


def markdown(text: str) -> Html:
    """*text* as HTML. What is no Markdown stays as it is, escaped."""
    rendered: Any = _markdown.render(text)
    return Html(rendered)
