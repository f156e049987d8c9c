// Icons, drawn here: fonts of glyphs are missing on many a machine.
import { html } from "../vendor/preact.js";

/** @type {Record<string, string>} */
const PATHS = {
  hold: "M3 11a5 5 0 0 1 10 0M8 10.6v.01",
  check: "M3.5 8.5l3 3 6-7",
  cross: "M4.5 4.5l7 7M11.5 4.5l-7 7",
  running: "M8 2.5a5.5 5.5 0 1 1-5.5 5.5",
  clock: "M8 2.5a5.5 5.5 0 1 0 .01 0M8 5v3.2l2 1.3",
  lock: "M4.5 7.5h7v5h-7zM6 7.5V5.6a2 2 0 0 1 4 0v1.9",
  stop: "M8 2.5a5.5 5.5 0 1 0 .01 0M4.3 4.3l7.4 7.4",
  dot: "M8 5a3 3 0 1 0 .01 0",
  inbox: "M2.5 9.5l2-6h7l2 6v3h-11zM2.5 9.5h3l1 1.5h3l1-1.5h3",
  runs: "M2.5 4h1M6 4h7.5M2.5 8h1M6 8h7.5M2.5 12h1M6 12h7.5",
  flow: "M5.5 2.5h5v3h-5zM2 10.5h4.5v3H2zM9.5 10.5H14v3H9.5zM8 5.5V8M4.2 10.5V8h7.6v2.5",
  back: "M9.5 3.5L5 8l4.5 4.5",
  next: "M6.5 3.5L11 8l-4.5 4.5",
  copy: "M5.5 5.5h7v8h-7zM3.5 10.5v-8h7",
  link: "M6.5 9.5l3-3M7 4.5l1-1a2.8 2.8 0 0 1 4 4l-1 1M9 11.5l-1 1a2.8 2.8 0 0 1-4-4l1-1",
  moon: "M12.8 9.6A5.3 5.3 0 0 1 6.4 3.2a5.3 5.3 0 1 0 6.4 6.4z",
  play: "M5 3.5l7 4.5-7 4.5z",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  redo: "M12.5 5.5A5 5 0 1 0 13 9M12.8 2.5v3.2H9.6",
  search: "M7 3a4 4 0 1 0 .01 0M10 10l3.2 3.2",
  person: "M8 2.8a2.6 2.6 0 1 0 .01 0M3 13.2a5 5 0 0 1 10 0",
  out: "M6.5 3.5h-3v9h9v-3M9 3.5h3.5V7M12.3 3.7L7.5 8.5",
  travel: "M3.5 8a4.5 4.5 0 1 0 1.4-3.2L3.2 6.4M3 3.2v3.3h3.3M8 5.8V8l1.6 1",
};

/** @param {{name: string, size?: number}} props */
export function Icon({ name, size = 16 }) {
  return html`<svg class=${`icon icon-${name}`} width=${size} height=${size} viewBox="0 0 16 16" fill="none" stroke="currentColor"
    stroke-width=${name === "hold" ? 1.8 : 1.5} stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}
