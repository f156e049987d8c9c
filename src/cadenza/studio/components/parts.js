// The small parts that every view is made of.
import { Component, h, html, useEffect, useRef, useState } from "../vendor/preact.js";
import { useNow } from "../lib/hooks.js";
import { markdown } from "../lib/markdown.js";
import { words as named } from "../lib/schema.js";
import { statusOf } from "../lib/status.js";
import { ago, duration, moment } from "../lib/time.js";
import { Icon } from "./icons.js";

/** A status, by colour, sign and word. @param {{status: string, short?: boolean, label?: string}} props */
export function Status({ status, short = false, label }) {
  const told = statusOf(status);
  return html`<span class=${`status ${told.tone} is-${status}`} title=${short ? told.label : undefined}>
    <${Icon} name=${told.icon} size=${14} /><span class=${short ? "sr" : ""}>${label ?? told.label}</span>
  </span>`;
}

/** A field that filters once it is left or Enter is pressed. What is being typed stays, whatever news come meanwhile.
 * @param {{id: string, label: string, value: string | undefined, search: (text: string) => void, placeholder?: string, mono?: boolean}} props */
export function Search({ id, label, value = "", search, placeholder = label, mono = false }) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  return html`<label class="sr" for=${id}>${label}</label>
    <input id=${id} type="search" class=${mono ? "mono" : undefined} placeholder=${placeholder} value=${typed} onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} onChange=${(/** @type {any} */ event) => search(event.target.value.trim())} />`;
}

/** A moment, as how long ago; the whole of it under the pointer. @param {{at: string | null, absolute?: boolean}} props */
export function Time({ at, absolute = false }) {
  const now = useNow(absolute ? 3_600_000 : 5_000);
  if (!at) return null;
  return html`<time datetime=${at} title=${moment(at)} class="nowrap">${absolute ? moment(at) : ago(at, now)}</time>`;
}

/** How long something took, or has been taking. @param {{from: string, to: string | null}} props */
export function Took({ from, to }) {
  const now = useNow(to ? 3_600_000 : 1_000);
  return html`<span class="nowrap num">${duration((to ? Date.parse(to) : now) - Date.parse(from))}</span>`;
}

/** Nothing here, and what to do next; *whole* where it is all that the page has. @param {{icon: string, title: string, whole?: boolean, children?: any}} props */
export function Empty({ icon, title, whole = false, children }) {
  return html`<div class="empty"><span class="empty-sign"><${Icon} name=${icon} size=${28} /></span><${whole ? "h1" : "h2"}>${title}</${whole ? "h1" : "h2"}><div class="empty-text">${children}</div></div>`;
}

/** What went wrong, and what can be done. @param {{error: any, retry?: () => void}} props */
export function Problem({ error, retry }) {
  if (!error) return null;
  return html`<div class="notice red" role="alert">
    <${Icon} name="cross" /><div class="grow"><p>${error.message}</p>
      ${error.issues?.length ? html`<ul>${error.issues.map((/** @type {any} */ issue) => html`<li><code>${issue.path || "(whole)"}</code> ${issue.message}</li>`)}</ul>` : null}</div>
    ${retry ? html`<button class="button slim" onClick=${retry}>Try again</button>` : null}
  </div>`;
}

/** While something is fetched: the outline of what comes. @param {{lines?: number}} props */
export function Loading({ lines = 4 }) {
  return html`<div class="loading" aria-busy="true"><span class="sr">Loading</span>${Array.from({ length: lines }, (_, n) => html`<i key=${n} />`)}</div>`;
}

/** @param {{text: string, label?: string, plain?: boolean}} props */
export function Copy({ text, label = "Copy", plain = true }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = () => navigator.clipboard.writeText(text).then(() => setDone(true), () => setDone(false));
  return html`<button type="button" class=${`button slim ${plain ? "plain" : ""}`} aria-label=${label ? undefined : "Copy"} onClick=${copy}><${Icon} name=${done ? "check" : "copy"} size=${14} />${done ? "Copied" : label}</button>`;
}

/** Text of people as Markdown; no HTML gets through. @param {{text: string}} props */
export function Markdown({ text }) {
  /** @param {import("../lib/markdown.js").Piece} piece @returns {any} */
  const node = (piece) => (typeof piece === "string" ? piece : h(piece.tag, piece.props ?? {}, ...piece.children.map(node)));
  return html`<div class="prose">${markdown(text).map(node)}</div>`;
}

/** A value, as a tree that folds. @param {{value: any, name?: string, open?: boolean}} props */
export function Data({ value, name, open = true }) {
  return html`<div class="data"><${Value} value=${value} name=${name} depth=${0} open=${open} /></div>`;
}

/** @param {{value: any, name?: string, depth: number, open: boolean}} props @returns {any} */
function Value({ value, name, depth, open }) {
  const label = name === undefined ? null : html`<span class="data-key">${name}</span>`;
  if (value === null || typeof value !== "object") {
    const long = typeof value === "string" && (value.length > 120 || value.includes("\n"));
    return html`<div class="data-line">${label}${long ? html`<pre class="data-text">${value}</pre>` : html`<span class=${`data-${value === null ? "null" : typeof value}`}>${JSON.stringify(value)}</span>`}</div>`;
  }
  const entries = Object.entries(value);
  const brackets = Array.isArray(value) ? "[]" : "{}";
  if (entries.length === 0) return html`<div class="data-line">${label}<span class="data-null">${brackets}</span></div>`;
  return html`<details class="data-group" open=${open && depth < 3 && entries.length <= 50}>
    <summary>${label}<span class="data-null">${brackets[0]} ${entries.length} ${Array.isArray(value) ? (entries.length === 1 ? "item" : "items") : entries.length === 1 ? "field" : "fields"} ${brackets[1]}</span></summary>
    <div class="data-in">${entries.slice(0, 500).map(([key, inner]) => html`<${Value} key=${key} name=${key} value=${inner} depth=${depth + 1} open=${open} />`)}
      ${entries.length > 500 ? html`<p class="muted small">and ${entries.length - 500} more: copy to see all</p>` : null}</div>
  </details>`;
}

/** Simple values as a list of terms; the rest as a tree. @param {{value: any}} props */
export function Facts({ value }) {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return html`<${Markdown} text=${value} />`;
  if (typeof value !== "object" || Array.isArray(value)) return html`<${Data} value=${value} />`;
  const { question: lead, ...rest } = value;
  // What is asked needs no name above it.
  if (typeof lead === "string") return html`<${Markdown} text=${lead} />${Object.keys(rest).length ? html`<${Facts} value=${rest} />` : null}`;
  return html`<dl class="facts">${Object.entries(value).map(
    ([key, inner]) => html`<div key=${key}><dt>${words(key)}</dt><dd>${typeof inner === "string" ? html`<${Markdown} text=${inner} />` : inner !== null && typeof inner === "object" ? html`<${Data} value=${inner} />` : html`<span class="num">${inner === null ? "none" : inner === true ? "yes" : inner === false ? "no" : String(inner)}</span>`}</dd></div>`,
  )}</dl>`;
}

/** `dueDate`, `due_date` as words. @param {string} key */
export const words = (key) => named(key.replace(/([\p{Ll}\d])(\p{Lu})/gu, "$1 $2"));

/** A dialog; Escape and a click beside it close it. @param {{title: string, onClose: () => void, children?: any}} props */
export function Dialog({ title, onClose, children }) {
  const ref = useRef(/** @type {any} */ (null));
  useEffect(() => {
    ref.current.showModal();
  }, []);
  return html`<dialog ref=${ref} class="dialog" aria-labelledby="dialog-title" onClose=${onClose}
    onClick=${(/** @type {MouseEvent} */ event) => event.target === ref.current && ref.current.close()}>
    <div class="dialog-in"><header><h2 id="dialog-title">${title}</h2>
      <button type="button" class="button plain icon slim" aria-label="Close" onClick=${() => ref.current.close()}><${Icon} name="cross" /></button></header>
      ${children}</div>
  </dialog>`;
}

/** Asks before something that cannot be undone. @param {{title: string, verb: string, danger?: boolean, busy?: boolean, error?: any, onYes: () => void, onClose: () => void, children?: any}} props */
export function Confirm({ title, verb, danger = false, busy = false, error, onYes, onClose, children }) {
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <div class="dialog-text">${children}</div><${Problem} error=${error} />
    <footer><button type="button" class="button" onClick=${onClose}>Keep it</button>
      <button type="button" class=${`button ${danger ? "danger" : "main"}`} disabled=${busy} onClick=${onYes}>${verb}</button></footer>
  </${Dialog}>`;
}

/** @param {{total: number, limit: number, offset: number, to: (offset: number) => string, what: string}} props */
export function Pager({ total, limit, offset, to, what }) {
  if (total <= limit && offset === 0) return null;
  const last = Math.min(offset + limit, total);
  /** @param {string} label @param {string} icon @param {number | null} target */
  const step = (label, icon, target) =>
    target === null
      ? html`<span class="button slim" aria-disabled="true"><${Icon} name=${icon} size=${14} />${label}</span>`
      : html`<a class="button slim" href=${to(target)}><${Icon} name=${icon} size=${14} />${label}</a>`;
  return html`<nav class="pager" aria-label=${`Pages of ${what}`}>
    <span class="num">${total ? offset + 1 : 0}–${last} of ${total.toLocaleString()}</span>
    ${step("Newer", "back", offset > 0 ? Math.max(0, offset - limit) : null)}${step("Older", "next", last < total ? offset + limit : null)}
  </nav>`;
}

/** Keeps an error of one part from taking the whole page down. @extends {Component<{children?: any}, {error: any}>} */
export class Guard extends Component {
  /** @param {any} props */
  constructor(props) {
    super(props);
    this.state = { error: null };
  }
  /** @param {any} error */
  componentDidCatch(error) {
    console.error(error);
    this.setState({ error });
  }
  render() {
    return this.state.error ? html`<${Problem} error=${this.state.error} retry=${() => this.setState({ error: null })} />` : this.props.children;
  }
}
