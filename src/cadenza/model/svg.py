"""The picture of a workflow as SVG: one file that needs nothing else, light or dark as its reader likes it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from .graph import Graph
from .members import Members
from .outline import outline
from .picture import MARK, Edge, Group, Node, Picture, picture

# Signs of the kinds, drawn in a square of 16, as components/graph.js draws them.
_SIGNS = {
    "step": "M5 4h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1z",
    "map": "M3 5.5h10M10.5 3L13 5.5 10.5 8M3 11.5h10",
    "sleep": "M8 2.5a5.5 5.5 0 1 0 .01 0M8 5v3.2l2 1.3",
    "sleep_until": "M8 2.5a5.5 5.5 0 1 0 .01 0M8 5v3.2l2 1.3",
    "event": "M9 2.5L4.5 9H8l-1 4.5L11.5 7H8z",
    "workflow": "M5.5 2.5h5v3h-5zM2 10.5h4.5v3H2zM9.5 10.5H14v3H9.5zM8 5.5V8M4.2 10.5V8h7.6v2.5",
    "loop": "M12.5 5.5A5 5 0 1 0 13 9M12.8 2.5v3.2H9.6",
    "foreach": "M2.5 4h1M6 4h7.5M2.5 8h1M6 8h7.5M2.5 12h1M6 12h7.5",
    "parallel": "M4.5 3v10M8 3v10M11.5 3v10",
    "branch": "M8 13.5V10M8 10C8 7 3.5 8 3.5 3M8 10c0-3 4.5-2 4.5-7",
}
# Everything is under one class: the rules of an SVG inside a page hold for the whole page.
_LIGHT = "--bg:#f7f7f9;--box:#fff;--line:#d3d3dd;--ways:#a3a3b0;--text:#1d1d26;--muted:#5c5c6b;--tint:#5546c8;--group:#fbfbfd"
_DARK = "--bg:#131318;--box:#24242d;--line:#3d3d4a;--ways:#626272;--text:#ececf2;--muted:#a9a9b8;--tint:#a79dff;--group:#1b1b22"
_STYLE = f"""
.cadenza-graph{{{_LIGHT};font-family:Inter,ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}}
@media (prefers-color-scheme:dark){{.cadenza-graph{{{_DARK}}}}}
.cadenza-graph .bg{{fill:var(--bg)}}
.cadenza-graph .box{{fill:var(--box);stroke:var(--line)}}
.cadenza-graph .group{{fill:var(--group);stroke:var(--line)}}
.cadenza-graph .soft{{stroke-dasharray:4 4}}
.cadenza-graph .way{{fill:none;stroke:var(--ways);stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round}}
.cadenza-graph .sign{{fill:none;stroke:var(--muted);stroke-width:1.4;stroke-linecap:round;stroke-linejoin:round}}
.cadenza-graph .mark{{fill:var(--ways)}}
.cadenza-graph .ring{{fill:none;stroke:var(--ways);stroke-width:1.5}}
.cadenza-graph text{{fill:var(--text);font-size:14px;font-weight:500}}
.cadenza-graph .small{{fill:var(--muted);font-size:12px;font-weight:400}}
.cadenza-graph .caption{{font-size:13px;font-weight:600}}
.cadenza-graph .when{{fill:var(--tint);font-size:12px;text-anchor:middle}}
"""


def to_svg(graph: Graph, code: Members | None = None) -> str:
    """*graph* as a drawing, top down: the same that the studio shows. *code* as for `outline`."""
    return "".join(_drawn(picture(outline(graph, code)), graph.workflow)) + "\n"


def _drawn(drawn: Picture, name: str) -> Iterator[str]:
    w, h = drawn.width, drawn.height
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="cadenza-graph" role="img" '
        f'width="{w}" height="{h}" viewBox="0 0 {w} {h}">'
    )
    yield f"<title>Workflow {_text(name)}</title><style>{_STYLE}</style>"
    yield f'<rect class="bg" width="{w}" height="{h}" rx="12"/>'
    for group in drawn.groups:
        yield from _group(group)
    yield from (f'<path class="way" d="{edge.d}"/>' for edge in drawn.edges)
    (sx, sy), (ex, ey) = drawn.start, drawn.end
    yield f'<circle class="mark" cx="{sx}" cy="{sy}" r="{MARK}"/>'
    yield f'<circle class="ring" cx="{ex}" cy="{ey}" r="{MARK}"/><circle class="mark" cx="{ex}" cy="{ey}" r="2.5"/>'
    for node in drawn.nodes:
        yield from _node(node)
    for edge in drawn.edges:
        if edge.label:
            yield from _condition(edge)
    yield "</svg>"


def _group(group: Group) -> Iterator[str]:
    # A block is no place of its own: its border is only hinted at.
    soft = " soft" if group.kind in {"parallel", "branch"} else ""
    yield f"<g><title>{_text(group.title)}</title>"
    yield f'<rect class="group{soft}" x="{group.x}" y="{group.y}" width="{group.w}" height="{group.h}" rx="12"/>'
    yield _sign(group.kind, group.x + 14, group.y + 10)
    detail = f'<tspan class="small" dx="8">{_text(group.detail)}</tspan>' if group.detail else ""
    yield (
        f'<text class="caption" x="{group.x + 36}" y="{group.y + 23}">{_text(group.label)}{detail}</text></g>'
    )


def _node(node: Node) -> Iterator[str]:
    yield f"<g><title>{_text(node.title)}</title>"
    yield f'<rect class="box" x="{node.x}" y="{node.y}" width="{node.w}" height="{node.h}" rx="8"/>'
    yield _sign(node.kind, node.x + 14, node.y + node.h // 2 - 8)
    at = node.x + 38
    if node.detail:
        yield f'<text x="{at}" y="{node.y + 25}">{_text(node.label)}</text>'
        yield f'<text class="small" x="{at}" y="{node.y + 42}">{_text(node.detail)}</text></g>'
    else:
        yield f'<text x="{at}" y="{node.y + node.h // 2 + 5}">{_text(node.label)}</text></g>'


def _condition(edge: Edge) -> Iterator[str]:
    yield f"<g><title>{_text(edge.title)}</title>"
    yield f'<rect class="box" x="{edge.x - edge.w // 2}" y="{edge.y - 10}" width="{edge.w}" height="20" rx="10"/>'
    yield f'<text class="when" x="{edge.x}" y="{edge.y + 4}">{_text(edge.label)}</text></g>'


def _sign(kind: str, x: int, y: int) -> str:
    return f'<path class="sign" transform="translate({x} {y})" d="{_SIGNS[kind]}"/>'


def _text(text: str) -> str:
    """*text* as text; ids may hold signs that no XML can."""
    return escape("".join(sign if sign in "\t\n" or _can_be_written(sign) else "\ufffd" for sign in text))


def _can_be_written(sign: str) -> bool:
    return " " <= sign <= "\ud7ff" or "\ue000" <= sign <= "\ufffd" or sign >= "\U00010000"
