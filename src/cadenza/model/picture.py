"""Picture: where everything in the drawing of a workflow stands. A workflow is series-parallel, so each size follows from those inside.

studio/lib/layout.js is its twin, for the browser: change both, a test holds them together. So that they cannot differ by a rounding,
all numbers are whole and all widths multiples of four; text is measured by its length.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from .duration import lasting
from .values import Json

_Point: TypeAlias = tuple[int, int]

MARGIN = 16
GAP = 32  # between what follows one another
SIDE = 24  # between what stands side by side
PAD = 16  # inside a box
LANE = 28  # beside the body of a loop, for the way back
MARK = 6  # radius of start and end
WIDEST = 1400  # a wider block is set in rows
CUT = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One box. `key` is its path without rounds and items; `many` says what repeats it: "", "loop" or "foreach"."""

    key: str
    kind: str
    title: str
    label: str
    detail: str
    many: str
    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Node):
    """A box around others; `key` is "" where it is no place of its own. `members` are the first places of a branch's ways."""

    members: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Edge:
    """A line with its head. `to` is the place it leads to (out of a block: comes from), `label` a condition on it, at (x, y), `w` wide."""

    d: str
    to: str
    title: str = ""
    label: str = ""
    x: int = 0
    y: int = 0
    w: int = 0


@dataclass(slots=True, kw_only=True)
class Picture:
    """What to draw, and how large the whole is."""

    width: int = 0
    height: int = 0
    start: _Point = (0, 0)
    end: _Point = (0, 0)
    nodes: list[Node] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)


def picture(items: Sequence[Json], *, live: bool = False, collapsed: Collection[str] = ()) -> Picture:
    """The picture of an outline. With *live* each node has room for how it stands; the workflows in *collapsed* are one node."""
    return _Layout(live=live, collapsed=collapsed).whole(items)


def count_of(items: Sequence[Json]) -> int:
    """How many nodes there are, also those inside others."""
    return sum(sum(map(count_of, found)) if (found := _inside(item)) else 1 for item in items)


def nested_of(items: Sequence[Json], prefix: str = "") -> Iterator[str]:
    """The keys of the nested workflows."""
    for item in items:
        below = prefix
        if item["kind"] == "workflow":
            yield f"{prefix}{item['id']}"
            below = f"{prefix}{item['id']}."
        for nodes in _inside(item):
            yield from nested_of(nodes, below)


@dataclass(frozen=True, slots=True)
class _Sized:
    """Something whose size is known. `to` is its first place; `head` tells whether the line to it ends at its border."""

    w: int
    h: int
    to: str
    head: bool
    put: Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    key: str
    kind: str
    id: str
    detail: str
    many: str
    to: str


class _Layout:
    def __init__(self, *, live: bool, collapsed: Collection[str]) -> None:
        self._live = live
        self._collapsed = collapsed
        self._out = Picture()

    def whole(self, items: Sequence[Json]) -> Picture:
        body = self._series(items, "", "")
        cx = MARGIN + max(body.w, 4 * MARK) // 2
        top = MARGIN + 2 * MARK + GAP
        end = top + body.h + GAP
        self._edge([(cx, top - GAP), (cx, top)], body.to, head=body.head)
        body.put(cx, top)
        self._edge([(cx, end - GAP), (cx, end)], "", head=False)
        out = self._out
        out.width, out.height = 2 * cx, end + 2 * MARK + MARGIN
        out.start, out.end = (cx, MARGIN + MARK), (cx, end + MARK)
        return out

    def _edge(self, points: Sequence[_Point], to: str, *, head: bool = True) -> Edge:
        edge = Edge(d=_line(points, head=head), to=to)
        self._out.edges.append(edge)
        return edge

    def _series(self, items: Sequence[Json], prefix: str, many: str) -> _Sized:
        parts = [self._sized(item, prefix, many) for item in items]

        def put(cx: int, y: int) -> None:
            for i, part in enumerate(parts):
                if i:
                    self._edge([(cx, y - GAP), (cx, y)], part.to, head=part.head)
                part.put(cx, y)
                y += part.h + GAP

        return _Sized(
            w=max((part.w for part in parts), default=0),
            h=sum(part.h for part in parts) + max(0, len(parts) - 1) * GAP,
            to=parts[0].to if parts else "",
            head=parts[0].head if parts else True,
            put=put,
        )

    def _sized(self, item: Json, prefix: str, many: str) -> _Sized:
        if "branches" in item:
            return _Block(self, item, prefix, many).sized()
        kind, key = item["kind"], f"{prefix}{item['id']}"
        if kind == "workflow":
            return self._workflow(item, key, many, closed=_told(item))
        if "body" not in item:
            return self._leaf(item, key, many, _told(item))
        (body,) = item["body"]
        again = "foreach" if kind == "foreach" or many == "foreach" else "loop"
        how = f"for each, {_told(item)}" if kind == "foreach" else _told(item)
        if body["kind"] == "workflow":
            return self._workflow(body, key, again, closed=how, kind=kind, detail=how)
        label = "for each" if kind == "foreach" else "repeat"
        about = _About(key="", kind=kind, id=label, detail=_told(item), many=many, to=key)
        return self._box(self._series(item["body"], prefix, again), about)

    def _leaf(self, item: Json, key: str, many: str, detail: str) -> _Sized:
        label, under = _cut(item["id"], CUT), _cut(detail, CUT)
        w = _even(max(200 if self._live else 96, _units(label) * 8 + 56, _units(under) * 7 + 56))
        h = 56 if self._live or under else 40

        def put(cx: int, y: int) -> None:
            self._out.nodes.append(
                Node(
                    key=key,
                    kind=item["kind"],
                    title=item["id"],
                    label=label,
                    detail=under,
                    many=many,
                    x=cx - w // 2,
                    y=y,
                    w=w,
                    h=h,
                )
            )

        return _Sized(w=w, h=h, to=key, head=True, put=put)

    def _workflow(
        self, item: Json, key: str, many: str, *, closed: str, kind: str = "workflow", detail: str = ""
    ) -> _Sized:
        """A nested workflow, open or as one node; *kind* is what repeats it."""
        if key in self._collapsed:
            return self._leaf(item, key, many, closed)
        about = _About(key=key, kind=kind, id=item["id"], detail=detail, many=many, to=key)
        return self._box(self._series(item["graph"], f"{key}.", many), about)

    def _box(self, body: _Sized, about: _About) -> _Sized:
        label, under = _cut(about.id, CUT), _cut(about.detail, CUT + 8)
        loop = about.kind == "loop"
        band = 52 if self._live and about.key else 36
        above, below = (12, 24) if loop else (0, PAD)
        caption = _units(label) * 8 + _units(under) * 7 + (92 if about.key else 64)
        w = _even(max(body.w + 2 * PAD + (2 * LANE if loop else 0), caption))
        h = band + above + body.h + below

        def put(cx: int, y: int) -> None:
            self._out.groups.append(
                Group(
                    key=about.key,
                    kind=about.kind,
                    title=about.id,
                    label=label,
                    detail=under,
                    many=about.many,
                    x=cx - w // 2,
                    y=y,
                    w=w,
                    h=h,
                )
            )
            top = y + band + above
            body.put(cx, top)
            if loop:
                end, side = top + body.h, cx + body.w // 2 + LANE // 2
                back = [(cx, end), (cx, end + 12), (side, end + 12), (side, top - 14), (cx, top - 14)]
                self._edge([*back, (cx, top)], about.to)

        return _Sized(w=w, h=h, to=about.to, head=True, put=put)


class _Block:
    """What runs side by side: a parallel block or a branch; in one row with lines to each, or in several rows without."""

    def __init__(self, layout: _Layout, item: Json, prefix: str, many: str) -> None:
        self._layout, self._kind, self._many = layout, item["kind"], many
        self._label = "first answer wins" if item.get("first_answer_wins") else item["kind"]
        self._whens = [branch["when"] for branch in item["branches"]] if self._kind == "branch" else []
        self._texts = [_cut(when, CUT) for when in self._whens]
        self._pills = [_even(_units(text) * 7 + 20) for text in self._texts]
        self._parts = parts = [layout._series(nodes, prefix, many) for nodes in _inside(item)]  # noqa: SLF001  one class in two
        self._cells = [max([part.w, *self._pills[i : i + 1]]) for i, part in enumerate(parts)]
        self._widest = max(self._cells, default=0)
        fitting = max(2, (WIDEST + SIDE) // (self._widest + SIDE))
        self._rows = -(-len(parts) // fitting) if len(parts) > 4 else 1
        self._across = -(-len(parts) // self._rows)
        cells = self._across * self._widest if self._rows > 1 else sum(self._cells)
        self._taken = cells + max(0, self._across - 1) * SIDE
        self._above = (32 if self._rows > 1 else 48) if self._whens else (0 if self._rows > 1 else 24)
        self._heights = [max((part.h for part in self._row(row)), default=0) for row in range(self._rows)]
        self._w = _even(max(self._taken + 2 * PAD, _units(self._label) * 16 + 112))
        inside = sum(self._above + height for height in self._heights) + (self._rows - 1) * SIDE
        self._h = 36 + inside + (PAD if self._rows > 1 else 24)
        self._members = tuple(part.to for part in parts)

    def sized(self) -> _Sized:
        to = self._members[0] if self._members else ""
        return _Sized(w=self._w, h=self._h, to=to, head=self._rows > 1, put=self._put)

    def _row(self, row: int) -> list[_Sized]:
        return self._parts[row * self._across : (row + 1) * self._across]

    def _put(self, cx: int, y: int) -> None:
        self._layout._out.groups.append(  # noqa: SLF001  one class in two
            Group(
                key="",
                kind=self._kind,
                title=self._label,
                label=self._label,
                detail="",
                many=self._many,
                x=cx - self._w // 2,
                y=y,
                w=self._w,
                h=self._h,
                members=self._members if self._whens else (),
            )
        )
        top = y + 36 + self._above
        for row, height in enumerate(self._heights):
            x = cx - self._taken // 2
            for i, part in enumerate(self._row(row), row * self._across):
                cell = self._widest if self._rows > 1 else self._cells[i]
                part.put(x + cell // 2, top)
                self._ways(i, x + cell // 2, cx, y, top)
                x += cell + SIDE
            top += height + SIDE + self._above

    def _ways(self, i: int, at: int, cx: int, y: int, top: int) -> None:
        """The way into a part, and out."""
        part, edge = self._parts[i], self._layout._edge  # noqa: SLF001  one class in two
        turn, end, last = y + 36, y + self._h - 12, y + self._h
        way_in: Edge | None = None
        if self._rows == 1:
            straight = at == cx
            way_in = edge(
                [(cx, y), (cx, top)] if straight else [(cx, y), (cx, turn), (at, turn), (at, top)], part.to
            )
            bottom = top + part.h
            out = [(cx, bottom), (cx, last)] if straight else [(at, bottom), (at, end), (cx, end), (cx, last)]
            edge(out, part.to, head=False)
        elif self._whens:
            way_in = edge([(at, top - 32), (at, top)], part.to)
        if way_in is not None and self._whens:
            way_in.title, way_in.label = self._whens[i], self._texts[i]
            way_in.x, way_in.y, way_in.w = at, top - 24, self._pills[i]


def _units(text: str) -> int:
    """How wide *text* is, in letters: signs of East Asia take the room of two."""
    return sum(2 if ord(sign) >= 0x1100 else 1 for sign in text)


def _cut(text: str, limit: int) -> str:
    """*text*, or its beginning if it is longer than *limit* letters."""
    if _units(text) <= limit:
        return text
    kept = ""
    for sign in text:
        if _units(kept + sign) >= limit:
            break
        kept += sign
    return f"{kept}…"


def _even(size: int) -> int:
    return -(-size // 4) * 4


def _sign(size: int) -> int:
    return (size > 0) - (size < 0)


def _line(points: Sequence[_Point], *, head: bool) -> str:
    """A line along *points* with round corners; with a head it ends in one that points down."""
    d = "M{},{}".format(*points[0])
    for (ax, ay), (x, y), (bx, by) in zip(points, points[1:], points[2:], strict=False):
        r = min(8, (abs(x - ax) + abs(y - ay)) // 2, (abs(bx - x) + abs(by - y)) // 2)
        d += f"L{x - r * _sign(x - ax)},{y - r * _sign(y - ay)}"
        d += f"Q{x},{y},{x + r * _sign(bx - x)},{y + r * _sign(by - y)}"
    x, y = points[-1]
    d += f"L{x},{y}"
    return f"{d}M{x - 4},{y - 5}L{x},{y - 1}L{x + 4},{y - 5}" if head else d


def _told(item: Json) -> str:
    """What stands under the name of a node."""
    match item["kind"]:
        case "sleep":
            return "pause" if item["seconds"] is None else f"pause of {lasting(item['seconds'])}"
        case "sleep_until":
            return "until a set time"
        case "event":
            return f"waits for {item['event']}"
        case "workflow":
            number = count_of(item["graph"])
            return f"{number} step{'' if number == 1 else 's'}"
        case "loop":
            return f"{'until' if item['until'] else 'while'} {item['when']}"
        case "foreach":
            return f"{item['concurrency']} at once" if item["concurrency"] > 1 else "one at a time"
        case _:
            return ""


def _inside(item: Json) -> list[list[Json]]:
    """The lists of nodes inside *item*."""
    if "branches" in item:
        branches: list[Json] = item["branches"]
        return [branch["nodes"] for branch in branches] if item["kind"] == "branch" else branches
    return [item[part] for part in ("graph", "body") if part in item][:1]
