// A field for each kind of value, and what holds several of them. A field changes its state by a function from the last one, so
// that nothing that came in between is lost.

import { html, useEffect, useRef } from "../vendor/preact.js";
import { itemOf, optional, rowOf, stateOf, within } from "../lib/filling.js";
import { BoolView, ChoiceView, InputView, Options, nothing } from "./controls.js";
import { Group, Help, Wrong, useMarks } from "./frame.js";

/** @typedef {import("../lib/schema.js").Field} Field */
/** @typedef {import("../lib/filling.js").State} State */
/** @typedef {import("../lib/filling.js").Change} Change */
/** @typedef {import("./frame.js").Props} Props */

/** @param {Props} props */
export function FieldView(props) {
  const View = { object: PartsView, list: ListView, map: ListView, tuple: PartsView, union: UnionView, choice: ChoiceView, bool: BoolView }[
    /** @type {string} */ (props.field.kind)
  ];
  if (props.field.kind === "const") return null;
  return html`<${View ?? InputView} ...${props} />`;
}

/** @param {Props} props */
function UnionView(props) {
  const { field, state, change, at } = props;
  const variants = field.variants?.() ?? [];
  const picked = variants[state.pick];
  /** @param {number} i */
  const pick = (i) => change((last) => ({ pick: i, inner: i in last.inner || i < 0 ? last.inner : { ...last.inner, [i]: stateOf(variants[i].field, variants[i].field.preset ?? undefined) } }));
  return html`<${Options} props=${props} picked=${state.pick} pick=${pick} labels=${variants.map((each) => each.label)} empty=${nothing(field)}>
    ${picked && html`<div class="form-inside" key=${state.pick}>
      <${FieldView} field=${picked.field} state=${state.inner[state.pick]} at=${`${at}/=`} label=${picked.label} quiet change=${within(change, state.pick, "inner")} />
    </div>`}
  <//>`;
}

/** A group that may be missing as a whole. @param {{props: Props, children?: any, open?: () => State}} given */
function Missing({ props, children, open }) {
  const { field, state, change, at, label, quiet } = props;
  const marks = useMarks(field, at);
  const name = label ?? field.title;
  const button = useRef(/** @type {any} */ (null));
  /** @param {() => State} next */
  const turn = (next) => { change(next); button.current?.focus(); };
  const may = optional(field) && !field.readonly;
  const tools = state.on && may && html`<button type="button" ref=${button} class="form-clear" aria-label=${`Leave out ${name}`} onClick=${() => turn(() => stateOf(field, null))}>Leave out</button>`;
  if (!state.on) {
    const fill = open ?? (() => ({ ...stateOf({ ...field, nullable: false, required: true, preset: undefined }), on: true }));
    return html`<${Group} props=${props} marks=${marks} needed=${!may}>
      <button type="button" ref=${button} class="form-add" onClick=${() => turn(fill)}>Add<span class="sr"> ${name}</span></button>
    <//>`;
  }
  // What stands alone needs no frame.
  if ((at === "" || quiet) && field.kind === "object" && !may) {
    return html`<div class="form-fields" id=${marks.id} tabindex="-1" data-at=${at} data-kind=${field.kind} data-wrong=${marks.wrong.length > 0 || undefined}>
      <${Help} field=${field} id=${marks.id} /><${Wrong} ...${marks} />${children}
    </div>`;
  }
  return html`<${Group} props=${props} marks=${marks} tools=${tools} needed=${marks.needed && field.kind !== "object"}>${children}<//>`;
}

/** @param {Props} props */
function PartsView(props) {
  return html`<${Missing} props=${props}><div class=${`form-fields ${props.field.kind === "tuple" ? "form-parts" : ""}`}><${Fields} ...${props} /></div><//>`;
}

/** The fields of an object or tuple, and what else it may hold. @param {Props} props */
export function Fields({ field, state, change, at }) {
  return html`${(field.fields?.() ?? []).map((inner) => html`<${FieldView} key=${inner.key} field=${inner} state=${state.parts[inner.key]} at=${`${at}/${inner.key}`} change=${within(change, inner.key)} />`)}
    ${field.item && html`<${Rows} field=${field} state=${state} change=${change} at=${at} name="Further field" titled keyed />`}`;
}

/** @param {Props} props */
function ListView(props) {
  const { field, state, change, at, label } = props;
  const item = itemOf(field);
  const name = item.title || label || field.title || "Item";
  const open = () => ({ on: true, rows: [rowOf(stateOf(item))] });
  return html`<${Missing} props=${props} open=${open}><${Rows} field=${field} state=${state} change=${change} at=${at} name=${name} keyed=${field.kind === "map"} /><//>`;
}

/** Rows to add and remove. @param {{field: Field, state: State, change: Change, at: string, name: string, keyed?: boolean, titled?: boolean}} props */
function Rows({ field, state, change, at, name, keyed = false, titled = false }) {
  const item = itemOf(field);
  const list = useRef(/** @type {any} */ (null));
  const added = useRef(0);
  const button = useRef(/** @type {any} */ (null));
  useEffect(() => {
    // An effect of the rendering before may come after the click.
    const i = state.rows.findIndex((/** @type {State} */ row) => row.id === added.current);
    if (i < 0) return;
    added.current = 0;
    list.current.children[i].querySelector("input, select, textarea, button")?.focus();
  });
  /** @param {(rows: State[]) => State[]} next */
  const turn = (next) => change((last) => ({ ...last, rows: next(last.rows) }));
  /** @param {number} id @param {(row: State) => State} next */
  const edit = (id, next) => turn((rows) => rows.map((row) => (row.id === id ? next(row) : row)));
  const wide = ["object", "list", "map", "tuple", "union"].includes(item.kind);
  return html`<div class="form-rows">
    ${titled && html`<p class="form-label">${name}s</p>`}
    <ol ref=${list}>
      ${state.rows.map((/** @type {State} */ row, /** @type {number} */ i) => html`<li key=${row.id} class=${`form-row ${wide ? "form-card" : ""}`}>
        ${keyed && html`<${Key} field=${field} row=${row} at=${`${at}/${row.id}/key`} label=${`Key of ${name} ${i + 1}`} change=${(/** @type {string} */ key) => edit(row.id, (last) => ({ ...last, key }))} />`}
        <${FieldView} field=${item} state=${row.state} at=${`${at}/${row.id}`} label=${`${name} ${i + 1}`} quiet
          change=${(/** @type {(last: State) => State} */ next) => edit(row.id, (last) => ({ ...last, state: next(last.state) }))} />
        <button type="button" class="form-remove" disabled=${field.readonly} aria-label=${`Remove ${name} ${i + 1}`} title="Remove"
          onClick=${() => { turn((rows) => rows.filter(({ id }) => id !== row.id)); button.current.focus(); }}>×</button>
      </li>`)}
    </ol>
    <button type="button" ref=${button} class="form-add" disabled=${field.readonly} onClick=${() => { const row = rowOf(stateOf(item)); added.current = row.id; turn((rows) => [...rows, row]); }}>
      Add<span class="sr"> ${name}</span>
    </button>
  </div>`;
}

/** @param {{field: Field, row: State, at: string, label: string, change: (key: string) => void}} props */
function Key({ field, row, at, label, change }) {
  const marks = useMarks({ ...field, help: "", hints: [] }, at);
  const shared = { ...marks.control, "aria-label": label, class: "form-input", value: row.key };
  /** @param {{currentTarget: HTMLInputElement}} event */
  const set = (event) => change(event.currentTarget.value);
  return html`<div class="form-key">
    ${field.keys
      ? html`<select ...${shared} onChange=${set}><option value="">Key…</option>${field.keys.map(({ label: text }) => html`<option key=${text} selected=${text === row.key}>${text}</option>`)}</select>`
      : html`<input ...${shared} placeholder="key" autocomplete="off" onInput=${set} />`}
    <${Wrong} ...${marks} />
  </div>`;
}
