// Where everything in the picture of a workflow stands. A workflow is series-parallel, so each size follows from those inside it.
//
// model/picture.py is its twin, for the command line and notebooks: change both, a test holds them together. So that they cannot
// differ by a rounding, all numbers are whole and all widths multiples of four; text is measured by its length.
import { duration } from "./time.js";

/**
 * A node of the outline (model/outline.py): what it has besides its kind depends on that.
 * @typedef {{kind: string, id?: string, graph?: Item[], body?: Item[], branches?: any[], seconds?: number | null, event?: string,
 *   until?: boolean, when?: string, concurrency?: number, first_answer_wins?: boolean}} Item
 * What is drawn as one box. `key` is its path without rounds and items; `many` says what repeats it: "", "loop" or "foreach".
 * @typedef {{key: string, kind: string, title: string, label: string, detail: string, many: string, x: number, y: number,
 *   w: number, h: number}} Node
 * A box around others; `key` is "" where it is no place of its own. `members` are the first places of a branch's ways.
 * @typedef {Node & {members: string[]}} Group
 * A line with its head. `to` is the place it leads to (out of a block: comes from), `label` a condition on it, at (x, y), w wide.
 * @typedef {{d: string, to: string, title: string, label: string, x: number, y: number, w: number}} Edge
 * @typedef {{width: number, height: number, start: number[], end: number[], nodes: Node[], groups: Group[], edges: Edge[]}} Picture
 * Something whose size is known. `to` is its first place; `head` tells whether the line to it ends at its border.
 * @typedef {{w: number, h: number, to: string, head: boolean, put: (cx: number, y: number) => void}} Sized
 */

const MARGIN = 16;
const GAP = 32; // between what follows one another
const SIDE = 24; // between what stands side by side
const PAD = 16; // inside a box
const LANE = 28; // beside the body of a loop, for the way back
const MARK = 6; // radius of start and end
const WIDEST = 1400; // a wider block is set in rows
const CUT = 26;

/** How wide *text* is, in letters: signs of East Asia take the room of two. @param {string} text */
function units(text) {
  let sum = 0;
  for (const sign of text) sum += (sign.codePointAt(0) ?? 0) >= 0x1100 ? 2 : 1;
  return sum;
}

/** *text*, or its beginning if it is longer than *limit* letters. @param {string} text @param {number} limit */
export function cut(text, limit) {
  if (units(text) <= limit) return text;
  let kept = "";
  for (const sign of text) {
    if (units(kept + sign) >= limit) break;
    kept += sign;
  }
  return `${kept}…`;
}

/** @param {number} size */
const even = (size) => Math.ceil(size / 4) * 4;

/** A line along *points* with round corners; with a head it ends in one that points down. @param {number[][]} points @param {boolean} head */
function line(points, head) {
  let d = `M${points[0]}`;
  for (let i = 1; i < points.length; i++) {
    const [[ax, ay], [x, y], next] = [points[i - 1], points[i], points[i + 1]];
    if (!next) {
      d += `L${x},${y}`;
      continue;
    }
    const r = Math.min(8, Math.floor((Math.abs(x - ax) + Math.abs(y - ay)) / 2), Math.floor((Math.abs(next[0] - x) + Math.abs(next[1] - y)) / 2));
    d += `L${x - r * Math.sign(x - ax)},${y - r * Math.sign(y - ay)}Q${x},${y},${x + r * Math.sign(next[0] - x)},${y + r * Math.sign(next[1] - y)}`;
  }
  const [x, y] = points[points.length - 1];
  return head ? `${d}M${x - 4},${y - 5}L${x},${y - 1}L${x + 4},${y - 5}` : d;
}

/** @param {number} number @param {string} word */
const counted = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

/** What stands under the name of a node. @param {Item} item */
function told(item) {
  switch (item.kind) {
    case "sleep": return typeof item.seconds === "number" ? `pause of ${duration(item.seconds * 1000)}` : "pause";
    case "sleep_until": return "until a set time";
    case "event": return `waits for ${item.event}`;
    case "workflow": return counted(countOf(item.graph ?? []), "step");
    case "loop": return `${item.until ? "until" : "while"} ${item.when}`;
    case "foreach": return (item.concurrency ?? 1) > 1 ? `${item.concurrency} at once` : "one at a time";
    default: return "";
  }
}

/** The lists of nodes inside *item*. @param {Item} item @returns {Item[][]} */
function inside(item) {
  if (item.branches) return item.kind === "branch" ? item.branches.map((branch) => branch.nodes) : item.branches;
  return item.graph ? [item.graph] : item.body ? [item.body] : [];
}

/** How many nodes there are, also those inside others. @param {Item[]} items @returns {number} */
export function countOf(items) {
  return items.reduce((sum, item) => sum + (inside(item).length ? inside(item).reduce((n, list) => n + countOf(list), 0) : 1), 0);
}

/** The keys of the nested workflows. @param {Item[]} items @param {string} [prefix] @returns {string[]} */
export function nestedOf(items, prefix = "") {
  return items.flatMap((item) => {
    const own = item.kind === "workflow" ? [`${prefix}${item.id}`] : [];
    return [...own, ...inside(item).flatMap((list) => nestedOf(list, own.length ? `${own[0]}.` : prefix))];
  });
}

/**
 * The picture of *items*. With `live` each node has room for how it stands; the workflows in `collapsed` are drawn as one node.
 * @param {Item[]} items @param {{live?: boolean, collapsed?: ReadonlySet<string>}} [options] @returns {Picture}
 */
export function layout(items, { live = false, collapsed = new Set() } = {}) {
  /** @type {Node[]} */ const nodes = [];
  /** @type {Group[]} */ const groups = [];
  /** @type {Edge[]} */ const edges = [];

  /** @param {number[][]} points @param {string} to @param {boolean} [head] */
  const edge = (points, to, head = true) => edges.push({ d: line(points, head), to, title: "", label: "", x: 0, y: 0, w: 0 });

  /** @param {Item[]} list @param {string} prefix @param {string} many @returns {Sized} */
  function series(list, prefix, many) {
    const parts = list.map((item) => sized(item, prefix, many));
    return {
      w: Math.max(0, ...parts.map((part) => part.w)),
      h: parts.reduce((sum, part) => sum + part.h, Math.max(0, parts.length - 1) * GAP),
      to: parts[0]?.to ?? "",
      head: parts[0]?.head ?? true,
      put(cx, y) {
        parts.forEach((part, i) => {
          if (i) edge([[cx, y - GAP], [cx, y]], part.to, part.head);
          part.put(cx, y);
          y += part.h + GAP;
        });
      },
    };
  }

  /** @param {Item} item @param {string} prefix @param {string} many @returns {Sized} */
  function sized(item, prefix, many) {
    if (item.branches) return block(item, prefix, many);
    const key = `${prefix}${item.id}`;
    if (item.kind === "workflow") return workflow(item, key, many, told(item), "");
    if (!item.body) return leaf(item, key, many, told(item));
    const [body] = item.body;
    const again = item.kind === "foreach" || many === "foreach" ? "foreach" : "loop";
    const how = item.kind === "foreach" ? `for each, ${told(item)}` : told(item);
    if (body.kind === "workflow") return workflow(body, key, again, how, item.kind, how);
    const label = item.kind === "foreach" ? "for each" : "repeat";
    return box(series(item.body, prefix, again), { key: "", kind: item.kind, id: label, detail: told(item), many, to: key });
  }

  /** @param {Item} item @param {string} key @param {string} many @param {string} detail @returns {Sized} */
  function leaf(item, key, many, detail) {
    const [label, under] = [cut(item.id ?? "", CUT), cut(detail, CUT)];
    const w = even(Math.max(live ? 200 : 96, units(label) * 8 + 56, units(under) * 7 + 56));
    const h = live || under ? 56 : 40;
    const title = `${item.id}`;
    return { w, h, to: key, head: true, put: (cx, y) => void nodes.push({ key, kind: item.kind, title, label, detail: under, many, x: cx - w / 2, y, w, h }) };
  }

  /** A nested workflow, open or as one node. @param {Item} item @param {string} key @param {string} many @param {string} closed
   * @param {string} kind what repeats it, or "" @param {string} [detail] @returns {Sized} */
  function workflow(item, key, many, closed, kind, detail = "") {
    if (collapsed.has(key)) return leaf(item, key, many, closed);
    return box(series(item.graph ?? [], `${key}.`, many), { key, kind: kind || "workflow", id: item.id ?? "", detail, many, to: key });
  }

  /** @param {Sized} body @param {{key: string, kind: string, id: string, detail: string, many: string, to: string}} about @returns {Sized} */
  function box(body, { key, kind, id, detail, many, to }) {
    const [label, under] = [cut(id, CUT), cut(detail, CUT + 8)];
    const loop = kind === "loop";
    const band = live && key ? 52 : 36;
    const [above, below] = loop ? [12, 24] : [0, PAD];
    const w = even(Math.max(body.w + 2 * PAD + (loop ? 2 * LANE : 0), units(label) * 8 + units(under) * 7 + (key ? 92 : 64)));
    const h = band + above + body.h + below;
    return {
      w, h, to, head: true,
      put(cx, y) {
        groups.push({ key, kind, title: id, label, detail: under, many, x: cx - w / 2, y, w, h, members: [] });
        const top = y + band + above;
        body.put(cx, top);
        if (!loop) return;
        const [end, side] = [top + body.h, cx + body.w / 2 + LANE / 2];
        edge([[cx, end], [cx, end + 12], [side, end + 12], [side, top - 14], [cx, top - 14], [cx, top]], to);
      },
    };
  }

  /** What runs side by side: a parallel block or a branch. @param {Item} item @param {string} prefix @param {string} many @returns {Sized} */
  function block(item, prefix, many) {
    const label = item.first_answer_wins ? "first answer wins" : item.kind;
    const whens = item.kind === "branch" ? (item.branches ?? []).map((branch) => branch.when) : [];
    const parts = inside(item).map((list) => series(list, prefix, many));
    const texts = whens.map((when) => cut(when, CUT));
    const cells = parts.map((part, i) => Math.max(part.w, whens.length ? even(units(texts[i]) * 7 + 20) : 0));
    const widest = Math.max(0, ...cells);
    const fitting = Math.max(2, Math.floor((WIDEST + SIDE) / (widest + SIDE)));
    const rows = parts.length > 4 ? Math.ceil(parts.length / fitting) : 1;
    const across = Math.ceil(parts.length / rows);
    const taken = rows > 1 ? across * widest : cells.reduce((sum, cell) => sum + cell, 0);
    const w = even(Math.max(taken + Math.max(0, across - 1) * SIDE + 2 * PAD, units(label) * 16 + 112));
    const above = whens.length ? (rows > 1 ? 32 : 48) : rows > 1 ? 0 : 24;
    const heights = Array.from({ length: rows }, (_, row) => Math.max(0, ...parts.slice(row * across, (row + 1) * across).map((part) => part.h)));
    const h = 36 + heights.reduce((sum, height) => sum + above + height, (rows - 1) * SIDE) + (rows > 1 ? PAD : 24);
    const members = parts.map((part) => part.to);

    /** The way into a part, and out. @param {number} i @param {number} at @param {number} cx @param {number} y @param {number} top */
    function ways(i, at, cx, y, top) {
      const part = parts[i];
      const [turn, end] = [y + 36, y + h - 12];
      if (rows === 1) {
        edge(at === cx ? [[cx, y], [cx, top]] : [[cx, y], [cx, turn], [at, turn], [at, top]], part.to);
        edge(at === cx ? [[cx, top + part.h], [cx, y + h]] : [[at, top + part.h], [at, end], [cx, end], [cx, y + h]], part.to, false);
      } else if (whens.length) edge([[at, top - 32], [at, top]], part.to);
      if (!whens.length) return;
      const [last, pill] = [edges.length - (rows === 1 ? 2 : 1), even(units(texts[i]) * 7 + 20)];
      Object.assign(edges[last], { title: whens[i], label: texts[i], x: at, y: top - 24, w: pill });
    }

    return {
      w, h, to: members[0] ?? "", head: rows > 1,
      put(cx, y) {
        groups.push({ key: "", kind: item.kind, title: label, label, detail: "", many, x: cx - w / 2, y, w, h, members: whens.length ? members : [] });
        let top = y + 36 + above;
        for (let row = 0; row < rows; row++) {
          let x = cx - (taken + Math.max(0, across - 1) * SIDE) / 2;
          for (let i = row * across; i < Math.min(parts.length, (row + 1) * across); i++) {
            const cell = rows > 1 ? widest : cells[i];
            parts[i].put(x + cell / 2, top);
            ways(i, x + cell / 2, cx, y, top);
            x += cell + SIDE;
          }
          top += heights[row] + SIDE + above;
        }
      },
    };
  }

  const all = series(items, "", "");
  const cx = MARGIN + Math.max(all.w, 4 * MARK) / 2;
  const top = MARGIN + 2 * MARK + GAP;
  const end = top + all.h + GAP;
  edge([[cx, top - GAP], [cx, top]], all.to, all.head);
  all.put(cx, top);
  edge([[cx, end - GAP], [cx, end]], "", false);
  return { width: 2 * cx, height: end + 2 * MARK + MARGIN, start: [cx, MARGIN + MARK], end: [cx, end + MARK], nodes, groups, edges };
}
