// The graph of a workflow, and of a run: each node says how it stands.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { countOf, cut, layout, nestedOf } from "../lib/layout.js";
import { fitted, neighbour, showing, zoomed } from "../lib/panning.js";
import { byPlace, sleepsOf, standing, untaken } from "../lib/standing.js";
import { statusOf } from "../lib/status.js";
import { Icon } from "./icons.js";
import { usePanning } from "./pan.js";

/** @typedef {import("../lib/layout.js").Node} Node @typedef {import("../lib/layout.js").Group} Group
 * @typedef {import("../lib/layout.js").Item} Item @typedef {import("../lib/standing.js").Visit} Visit
 * @typedef {import("../lib/standing.js").Standing} Standing */

// What is collapsed at first where there is more than this.
const MANY = 60;
// The signs of the kinds, as model/svg.py draws them.
const CLOCK = "M8 2.5a5.5 5.5 0 1 0 .01 0M8 5v3.2l2 1.3";
/** @type {Record<string, string>} */
const SIGNS = {
  step: "M5 4h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1z",
  map: "M3 5.5h10M10.5 3L13 5.5 10.5 8M3 11.5h10",
  sleep: CLOCK,
  sleep_until: CLOCK,
  event: "M9 2.5L4.5 9H8l-1 4.5L11.5 7H8z",
  workflow: "M5.5 2.5h5v3h-5zM2 10.5h4.5v3H2zM9.5 10.5H14v3H9.5zM8 5.5V8M4.2 10.5V8h7.6v2.5",
  loop: "M12.5 5.5A5 5 0 1 0 13 9M12.8 2.5v3.2H9.6",
  foreach: "M2.5 4h1M6 4h7.5M2.5 8h1M6 8h7.5M2.5 12h1M6 12h7.5",
  parallel: "M4.5 3v10M8 3v10M11.5 3v10",
  branch: "M8 13.5V10M8 10C8 7 3.5 8 3.5 3M8 10c0-3 4.5-2 4.5-7",
};
/** @type {Record<string, string>} */
const WORDS = { map: "mapping", sleep: "pause", sleep_until: "pause", event: "event", workflow: "workflow", loop: "loop", foreach: "for each" };

/**
 * @param {{graph: Item[], records?: readonly Visit[] | null, selected?: string | null, onSelect?: (key: string) => void, label?: string}} props
 * *graph* is an outline, *records* are the visits of a run's places (none: the workflow by itself), *selected* the path of a place.
 */
export function WorkflowGraph({ graph, records, selected: given = null, onSelect, label = "Graph" }) {
  const live = Boolean(records?.length);
  const selected = given?.replace(/\[\d+\]/g, "");
  const [collapsed, setCollapsed] = useState(() => new Set(countOf(graph) > MANY ? nestedOf(graph) : []));
  const picture = useMemo(() => layout(graph, { live, collapsed }), [graph, live, collapsed]);
  const visits = useMemo(() => byPlace(records ?? []), [records]);
  const sleeps = useMemo(() => sleepsOf(graph), [graph]);
  const skipped = useMemo(() => untaken(picture.groups, visits), [picture, visits]);
  const [now, setNow] = useState(() => Date.now());
  const places = [...picture.groups.filter((group) => group.key), ...picture.nodes].sort((a, b) => a.y - b.y || a.x - b.x);
  const [at, setAt] = useState("");
  const home = places.some((place) => place.key === at) ? at : places.some((place) => place.key === selected) ? selected : places[0]?.key;
  const { canvas, moving, look } = usePanning(picture);

  /** @param {string} key */
  const isSkipped = (key) => skipped.some((other) => key === other || key.startsWith(`${other}.`));
  /** @param {Node} node @returns {Standing} */
  const stands = (node) => {
    if (isSkipped(node.key)) return { status: "skipped", text: "not taken" };
    const told = standing(node, visits.get(node.key) ?? [], now, sleeps.get(node.key));
    return node.kind === "workflow" && told.status === "running" ? { ...told, text: "under way" } : told;
  };
  const standings = new Map(places.map((place) => [place.key, live ? stands(place) : { status: "none", text: place.detail }]));
  const ticks = [...standings.values()].some((told) => told.ticks);
  useEffect(() => {
    setNow(Date.now());
    if (!ticks) return undefined;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [ticks, records]);
  useEffect(() => {
    // What asks for somebody is in sight from the start.
    const loud = places.find((place) => standings.get(place.key)?.status === "suspended" && !("members" in place));
    if (loud) look((view, room) => showing(view, loud, room));
  }, []);

  /** @param {string} key */
  const focus = (key) => /** @type {SVGElement | null | undefined} */ (canvas.current?.querySelector(`[data-key="${CSS.escape(key)}"]`))?.focus({ preventScroll: true });
  const folded = useRef("");
  /** @param {string} key */
  const toggle = (key) => {
    folded.current = key;
    setCollapsed((old) => new Set(old.has(key) ? [...old].filter((other) => other !== key) : [...old, key]));
  };
  useLayoutEffect(() => {
    // Its box is another one now.
    if (folded.current) focus(folded.current);
    folded.current = "";
  }, [collapsed]);
  const nested = new Set(nestedOf(graph));

  /** @param {KeyboardEvent} event @param {Node} place */
  const onKey = (event, place) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const last = places[places.length - 1];
    const to = event.key.startsWith("Arrow") ? neighbour(spot(place), places.filter((other) => other.key !== place.key).map((other) => ({ ...spot(other), key: other.key })), event.key)
      : event.key === "Home" ? places[0] : event.key === "End" ? last : undefined;
    if (event.key === "Enter" || (event.key === " " && !nested.has(place.key))) onSelect?.(place.key);
    else if (event.key === " ") toggle(place.key);
    else if (to) {
      setAt(to.key);
      look((view, room) => showing(view, to, room));
      focus(to.key);
    } else if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    event.stopPropagation();
  };

  /** @param {Node} place @param {any} children */
  const button = (place, children) => {
    const told = /** @type {Standing} */ (standings.get(place.key));
    const words = told.text || (live ? statusOf(told.status).label.toLowerCase() : WORDS[place.kind] ?? "step");
    const expanded = nested.has(place.key) ? String(!collapsed.has(place.key)) : undefined;
    return html`<g key=${place.key} data-key=${place.key} role="button" tabindex=${place.key === home ? 0 : -1}
      aria-label=${[place.title, "members" in place && place.detail, words].filter(Boolean).join(", ")} aria-pressed=${onSelect ? String(place.key === selected) : undefined} aria-expanded=${expanded}
      class=${`graph-place is-${told.status} tone-${statusOf(told.status).tone} ${place.key === selected ? "graph-selected" : ""}`}
      onFocus=${() => setAt(place.key)} onKeyDown=${(/** @type {KeyboardEvent} */ event) => onKey(event, place)}
      onClick=${() => moving() || onSelect?.(place.key)}><title>${place.title}: ${words}</title>${children}</g>`;
  };

  /** @param {Node} place @param {number} x @param {number} y */
  const fold = (place, x, y) => nested.has(place.key) && html`<g class="graph-fold" role="button" tabindex="-1" transform=${`translate(${x} ${y})`}
    aria-label=${`${collapsed.has(place.key) ? "Expand" : "Collapse"} ${place.title}`} aria-expanded=${String(!collapsed.has(place.key))}
    onClick=${() => moving() || toggle(place.key)}><rect width="24" height="24" rx="5" /><path d=${collapsed.has(place.key) ? "M9 7.5l5 4.5-5 4.5" : "M7.5 10l4.5 5 4.5-5"} /></g>`;

  /** @param {string} status @param {string} kind @param {number} x @param {number} y */
  const sign = (status, kind, x, y) => ["none", "pending", "skipped"].includes(status)
    ? html`<path class="graph-sign" transform=${`translate(${x} ${y})`} d=${SIGNS[kind]} />`
    : html`<g class="graph-status" transform=${`translate(${x} ${y})`}><circle cx="8" cy="8" r="12" /><${Icon} name=${statusOf(status).icon} /></g>`;

  /** @param {Group} group */
  const frame = (group) => html`<rect key=${`${group.x} ${group.y}`} class=${`graph-frame graph-frame-${group.kind} ${isSkipped(group.key) ? "is-skipped" : ""}`} x=${group.x} y=${group.y} width=${group.w} height=${group.h} rx="12" />`;

  /** @param {Group} group */
  const caption = (group) => {
    const told = standings.get(group.key) ?? { status: "none", text: "" };
    const words = live && group.key && told.text ? cut(told.text, Math.floor((group.w - 80) / 6.5)) : "";
    const inner = html`${group.key && html`<rect class="graph-hit" x=${group.x} y=${group.y} width=${group.w} height=${live ? 52 : 36} rx="12" />`}
      ${sign(group.key ? told.status : "none", group.kind, group.x + 14, group.y + (words ? 18 : 10))}
      <text class="graph-caption" x=${group.x + (words ? 44 : 36)} y=${group.y + 23}>${group.label} ${group.detail && html`<tspan class="graph-detail" dx="4">${group.detail} </tspan>`}</text>
      ${words && html`<text class="graph-detail" x=${group.x + 44} y=${group.y + 40}>${words}</text>`}`;
    return html`<g key=${`${group.x} ${group.y}`}>${group.key ? button(group, inner) : inner}${fold(group, group.x + group.w - 32, group.y + 7)}</g>`;
  };

  /** @param {Node} node */
  const box = (node) => {
    const told = /** @type {Standing} */ (standings.get(node.key));
    const under = live ? cut(told.text, Math.floor((node.w - 56) / 6.5)) : node.detail;
    const middle = node.y + node.h / 2;
    const [left, text] = live ? [16, 44] : [14, 38];
    return html`<g key=${node.key}>${button(node, html`
      ${node.kind === "workflow" && html`<rect class="graph-box" x=${node.x + 3} y=${node.y + 3} width=${node.w} height=${node.h} rx="9" />`}
      <rect class="graph-box" x=${node.x} y=${node.y} width=${node.w} height=${node.h} rx="9" />
      ${sign(told.status, node.kind, node.x + left, middle - 8)}
      <rect class="graph-ring" x=${node.x - 4} y=${node.y - 4} width=${node.w + 8} height=${node.h + 8} rx="13" />
      <text class="graph-label" x=${node.x + text} y=${under ? middle - 3 : middle + 5}>${node.label} </text>
      ${under && html`<text class="graph-detail" x=${node.x + text} y=${middle + 15}>${under}</text>`}`)}${fold(node, node.x + node.w - 30, middle - 12)}</g>`;
  };

  const [sx, sy, ex, ey] = [...picture.start, ...picture.end];
  return html`<div class="graph" style=${{ "--graph-height": `${picture.height}px` }}>
    <svg class="graph-canvas" ref=${canvas} role="group" aria-label=${label}><g>
      ${picture.groups.map(frame)}
      ${[...picture.edges].sort((a, b) => Number(isSkipped(b.to)) - Number(isSkipped(a.to))).map((edge) => html`<path key=${edge.d} class=${`graph-way ${isSkipped(edge.to) ? "is-skipped" : visits.has(edge.to) ? "graph-walked" : ""}`} d=${edge.d} />`)}
      <g class="graph-marks"><circle cx=${sx} cy=${sy} r="6" /><circle class="graph-end" cx=${ex} cy=${ey} r="6" /><circle cx=${ex} cy=${ey} r="2.5" /></g>
      ${picture.groups.map(caption)}
      ${picture.nodes.map(box)}
      ${picture.edges.map((edge, i) => edge.label && html`<g key=${i} class=${`graph-when ${isSkipped(edge.to) ? "is-skipped" : ""}`}><title>${edge.title}</title>
        <rect x=${edge.x - edge.w / 2} y=${edge.y - 10} width=${edge.w} height="20" rx="10" /><text x=${edge.x} y=${edge.y + 4}>${edge.label}</text></g>`)}
    </g></svg>
    <div class="graph-tools" role="group" aria-label="View">
      <button type="button" aria-label="Zoom in" title="Zoom in" onClick=${() => look((view, room) => zoomed(view, 1.25, room.w / 2, room.h / 2))}><svg viewBox="0 0 16 16" aria-hidden="true"><path d="M8 3.5v9M3.5 8h9" /></svg></button>
      <button type="button" aria-label="Zoom out" title="Zoom out" onClick=${() => look((view, room) => zoomed(view, 0.8, room.w / 2, room.h / 2))}><svg viewBox="0 0 16 16" aria-hidden="true"><path d="M3.5 8h9" /></svg></button>
      <button type="button" aria-label="Show all" title="Show all" onClick=${() => look((_, room) => fitted(picture, room))}><svg viewBox="0 0 16 16" aria-hidden="true"><path d="M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3" /></svg></button>
    </div>
  </div>`;
}

/** Where a place is for the arrow keys: a frame at its caption. @param {Node} place */
const spot = (place) => ("members" in place ? { x: place.x, y: place.y, w: place.w, h: 36 } : { x: place.x, y: place.y, w: place.w, h: place.h });
