// Moving a picture about in its window: by drag, pinch, wheel and buttons.
import { useEffect, useLayoutEffect, useRef } from "../vendor/preact.js";
import { first, zoomed } from "../lib/panning.js";

/** @typedef {import("../lib/panning.js").View} View @typedef {{w: number, h: number}} Room */

// A pointer that moves less has clicked.
const CLICK = 4;

/**
 * The view of *size* in an SVG whose one `g` holds the picture; `canvas` is its ref. The transform is set past Preact: a drag through
 * two hundred nodes must not render them. `look` changes the view, `moving` tells whether what looks like a click was a drag.
 * @param {{width: number, height: number}} size
 */
export function usePanning(size) {
  const canvas = useRef(/** @type {SVGSVGElement | null} */ (null));
  const view = useRef(/** @type {View} */ ({ x: 0, y: 0, k: 1 }));
  const touched = useRef(false);
  const dragged = useRef(false);

  /** @returns {Room} */
  const room = () => ({ w: canvas.current?.clientWidth ?? 0, h: canvas.current?.clientHeight ?? 0 });
  /** @param {(view: View, room: Room) => View} change */
  const look = (change) => {
    touched.current = true;
    show(change(view.current, room()));
  };
  /** @param {View} next */
  const show = (next) => {
    view.current = next;
    canvas.current?.firstElementChild?.setAttribute("transform", `translate(${next.x} ${next.y}) scale(${next.k})`);
  };

  useLayoutEffect(() => {
    if (!touched.current && room().w) show(first(size, room()));
  }, [size]);
  useEffect(() => {
    const svg = /** @type {SVGSVGElement} */ (canvas.current);
    let { w } = room();
    const watch = new ResizeObserver(() => {
      const before = w;
      w = room().w;
      if (!w) return;
      if (!touched.current) show(first(size, room()));
      else if (w !== before) show({ ...view.current, x: view.current.x + (w - before) / 2 });
    });
    watch.observe(svg);
    return () => watch.disconnect();
  }, [size]);
  useEffect(() => {
    const svg = /** @type {SVGSVGElement} */ (canvas.current);
    /** @type {Map<number, {x: number, y: number}>} */
    const pointers = new Map();
    const spread = () => {
      const [a, b] = [...pointers.values()];
      return b ? Math.hypot(a.x - b.x, a.y - b.y) : 0;
    };
    /** @param {WheelEvent} event */
    const wheel = (event) => {
      // A page that is scrolled past the graph scrolls on; who is in it, or holds Ctrl, zooms.
      if (!event.ctrlKey && !event.metaKey && !svg.contains(document.activeElement)) return;
      event.preventDefault();
      const { left, top } = svg.getBoundingClientRect();
      look((old) => zoomed(old, Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), event.clientX - left, event.clientY - top));
    };
    /** @param {PointerEvent} event */
    const down = (event) => {
      if (event.button) return;
      if (!pointers.size) dragged.current = false;
      pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    };
    /** @param {PointerEvent} event */
    const move = (event) => {
      const old = pointers.get(event.pointerId);
      if (!old) return;
      const [dx, dy] = [event.clientX - old.x, event.clientY - old.y];
      if (!dragged.current && pointers.size === 1 && Math.hypot(dx, dy) < CLICK) return;
      if (!dragged.current) svg.setPointerCapture(event.pointerId);
      dragged.current = true;
      const before = spread();
      pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      const { left, top } = svg.getBoundingClientRect();
      if (before) look((now) => zoomed(now, spread() / before, event.clientX - left, event.clientY - top));
      else look((now) => ({ ...now, x: now.x + dx, y: now.y + dy }));
    };
    /** @param {PointerEvent} event */
    const up = (event) => pointers.delete(event.pointerId);
    const stop = new AbortController();
    const { signal } = stop;
    svg.addEventListener("wheel", wheel, { passive: false, signal });
    svg.addEventListener("pointerdown", down, { signal });
    svg.addEventListener("pointermove", move, { signal });
    for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) svg.addEventListener(end, up, { signal });
    return () => stop.abort();
  }, []);
  return { canvas, look, moving: () => dragged.current };
}
