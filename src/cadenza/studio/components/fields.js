// One field of a form for each kind of value. A field changes its state by a function from the last one, so that nothing that
// came in between is lost.

import { createContext, html, useContext, useEffect, useRef, useState } from "../vendor/preact.js";
import { itemOf, offset, optional, rowOf, stateOf, within } from "../lib/filling.js";
import { FEW } from "../lib/schema.js";

/** @typedef {import("../lib/schema.js").Field} Field */
/** @typedef {import("../lib/filling.js").State} State */
/** @typedef {import("../lib/filling.js").Change} Change */
/**
 * @typedef {object} Props
 * @property {Field} field
 * @property {State} state
 * @property {Change} change
 * @property {string} at its place, as `placing` names it
 * @property {string} [label] where it is no part of an object
 * @property {boolean} [quiet] the label is there for screen readers alone
 */

/** What all fields of one form know. */
export const FormContext = createContext({ uid: "", messages: /** @type {import("../lib/placing.js").Messages} */ (new Map()) });

/** The id of the control at a place. @param {string} uid @param {string} at */
export const idOf = (uid, at) => uid + encodeURIComponent(at);

/** @param {Props} props */
export function FieldView(props) {
  const View = { object: PartsView, list: ListView, map: ListView, tuple: PartsView, union: UnionView, choice: ChoiceView, bool: BoolView }[
    /** @type {string} */ (props.field.kind)
  ];
  if (props.field.kind === "const") return null;
  return html`<${View ?? InputView} ...${props} />`;
}

/** @param {Field} field @param {string} at */
function useMarks(field, at) {
  const { uid, messages } = useContext(FormContext);
  const id = idOf(uid, at);
  const wrong = messages.get(at) ?? [];
  const help = field.help || field.hints.length > 0;
  const described = [help && `${id}-help`, wrong.length > 0 && `${id}-wrong`].filter(Boolean).join(" ") || undefined;
  return { id, wrong, described, needed: field.required && !field.nullable };
}

/** @param {{field: Field, id: string}} props */
function Help({ field, id }) {
  const hint = field.hints.join(", ");
  if (!field.help && !hint) return null;
  return html`<p class="form-help" id=${`${id}-help`}>
    ${field.help}${field.help && hint ? " · " : ""}${hint && html`<span class="form-hint">${hint[0].toUpperCase() + hint.slice(1)}</span>`}
  </p>`;
}

/** @param {{id: string, wrong: string[]}} props */
function Wrong({ id, wrong }) {
  return wrong.length > 0 && html`<div class="form-wrong" id=${`${id}-wrong`}>${wrong.map((text) => html`<p key=${text}>${text}</p>`)}</div>`;
}

/** @param {{needed: boolean}} props */
const Star = ({ needed }) => needed && html`<span class="form-star" aria-hidden="true">*</span>`;

/** A label above its control. @param {{props: Props, marks: ReturnType<typeof useMarks>, children?: any}} given */
function Line({ props: { field, at, label, quiet }, marks, children }) {
  return html`<div class="form-line" data-at=${at} data-kind=${field.kind}>
    <label class=${quiet ? "sr" : "form-label"} for=${marks.id}>${label ?? field.title}<${Star} needed=${marks.needed && !quiet} /></label>
    <${Help} field=${field} id=${marks.id} />${children}<${Wrong} ...${marks} />
  </div>`;
}

/** Controls that belong together. @param {{props: Props, marks: ReturnType<typeof useMarks>, needed?: boolean, radios?: boolean, tools?: any, children?: any}} given */
function Group({ props: { field, at, label, quiet }, marks, needed = false, radios = false, tools, children }) {
  const wrong = marks.wrong.length > 0;
  const more = radios ? { role: "radiogroup", "aria-invalid": wrong, "aria-required": needed } : {};
  return html`<fieldset class=${`form-group ${radios ? "form-radios" : ""}`} id=${marks.id} tabindex="-1" data-at=${at} data-kind=${field.kind}
    data-wrong=${wrong || undefined} aria-describedby=${marks.described} ...${more}>
    <legend class=${quiet ? "sr" : "form-label"}>${label ?? field.title}<${Star} needed=${needed && !quiet} /></legend>
    ${tools}<${Help} field=${field} id=${marks.id} />${radios ? [children, html`<${Wrong} ...${marks} />`] : [html`<${Wrong} ...${marks} />`, children]}
  </fieldset>`;
}

// ------------------------------------------------------------------ one control

const TYPES = /** @type {Record<string, {type: string, fits: RegExp}>} */ ({
  date: { type: "date", fits: /^\d{4}-\d\d-\d\d$/ },
  time: { type: "time", fits: /^\d\d:\d\d(:\d\d(\.\d{1,3})?)?$/ },
  datetime: { type: "datetime-local", fits: /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?$/ },
});

/** @param {Props} props */
function InputView(props) {
  const { field, state, change } = props;
  const marks = useMarks(field, props.at);
  const timed = field.kind === "datetime";
  const text = timed ? state.text : state;
  // A value that the browser's own control could not show, such as one with microseconds, is a text. That stays so while it is edited.
  const [kind] = useState(() => {
    const native = TYPES[field.kind];
    if (native) return text === "" || native.fits.test(text) ? native.type : "text";
    if (field.kind === "json" || ["long", "code"].includes(field.look ?? "") || text.includes("\n")) return "area";
    return field.look === "password" ? "password" : "text";
  });
  /** @param {{currentTarget: HTMLInputElement}} event */
  const onInput = ({ currentTarget: { value } }) => change((last) => (timed ? { ...last, text: value } : value));
  const keyboard = ["long", "code", "password"].includes(field.look ?? "") ? undefined : field.look;
  const shared = {
    id: marks.id,
    value: text,
    onInput,
    readonly: field.readonly,
    placeholder: field.placeholder || undefined,
    "aria-describedby": marks.described,
    "aria-invalid": marks.wrong.length > 0,
    "aria-required": marks.needed,
  };
  const code = field.kind === "json" || field.look === "code";
  return html`<${Line} props=${props} marks=${marks}>
    ${kind === "area"
      ? html`<textarea ...${shared} class=${`form-input ${code ? "form-code" : ""}`} rows=${code ? 2 : 3} spellcheck=${!code} />`
      : html`<div class="form-with">
          <input ...${shared} class="form-input" type=${kind} step=${TYPES[field.kind] && "any"} inputmode=${keyboard} autocomplete=${kind === "password" ? "new-password" : "off"} />
          ${timed && kind !== "text" && html`<${Zone} ...${props} />`}
        </div>`}
  <//>`;
}

/** The zone in which a date and time is meant. @param {Props} props */
function Zone({ field, state, change, label }) {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zones = [["local", `${here} (${offset(state.text)})`], ["utc", "UTC"], ["none", "No time zone"]];
  return html`<select class="form-zone" aria-label=${`Time zone of ${label ?? field.title}`} value=${state.zone} disabled=${field.readonly}
    onChange=${(/** @type {{currentTarget: HTMLSelectElement}} */ { currentTarget: { value } }) => change((last) => ({ ...last, zone: value }))}>
    ${zones.map(([zone, text]) => html`<option key=${zone} value=${zone} selected=${zone === state.zone}>${text}</option>`)}
  </select>`;
}

// ------------------------------------------------------------------ choices

/** Few options at once, more as a list. @param {{props: Props, picked: number, pick: (index: number) => void, labels: string[], empty: string, children?: any}} given */
function Options({ props, picked, pick, labels, empty, children }) {
  const { field, at } = props;
  const marks = useMarks(field, at);
  const options = labels.map((text, i) => ({ text, i }));
  if (labels.length > FEW) {
    return html`<${Line} props=${props} marks=${marks}>
      <select id=${marks.id} class="form-input" disabled=${field.readonly} aria-describedby=${marks.described} aria-invalid=${marks.wrong.length > 0} aria-required=${marks.needed}
        value=${picked} onChange=${(/** @type {{currentTarget: HTMLSelectElement}} */ event) => pick(Number(event.currentTarget.value))}>
        ${[{ text: empty || "Choose…", i: -1 }, ...options].map(({ text, i }) => html`<option key=${i} value=${i} selected=${i === picked}>${text}</option>`)}
      </select>${children}
    <//>`;
  }
  const shown = empty ? [...options, { text: empty, i: -1 }] : options;
  return html`<${Group} props=${props} marks=${marks} needed=${marks.needed} radios>
    <div class="form-options">
      ${shown.map(({ text, i }) => html`<label key=${i} class="form-option">
        <input type="radio" name=${marks.id} value=${i} checked=${i === picked} disabled=${field.readonly} onChange=${() => pick(i)} /><span>${text}</span>
      </label>`)}
    </div>${children}
  <//>`;
}

/** What it is called to choose nothing; "" where one has to. @param {Field} field */
const nothing = (field) => (field.nullable ? "None" : optional(field) ? "Not set" : "");

/** @param {Props} props */
function ChoiceView(props) {
  const labels = (props.field.options ?? []).map((option) => option.label);
  return html`<${Options} props=${props} picked=${props.state} pick=${(/** @type {number} */ i) => props.change(() => i)} labels=${labels} empty=${nothing(props.field)} />`;
}

/** @param {Props} props */
function BoolView(props) {
  const { field, state, change, at, label, quiet } = props;
  const marks = useMarks(field, at);
  if (field.preset === undefined || field.preset === null || field.nullable) {
    const states = [true, false];
    const labels = (field.options ?? []).map((option) => option.label);
    return html`<${Options} props=${props} picked=${states.indexOf(state)} pick=${(/** @type {number} */ i) => change(() => states[i] ?? null)} labels=${labels} empty=${nothing(field)} />`;
  }
  return html`<div class="form-line" data-at=${at} data-kind="bool">
    <label class="form-check">
      <input type="checkbox" id=${marks.id} checked=${state} disabled=${field.readonly} aria-describedby=${marks.described} aria-invalid=${marks.wrong.length > 0}
        onChange=${(/** @type {{currentTarget: HTMLInputElement}} */ event) => { const { checked } = event.currentTarget; change(() => checked); }} />
      <span class=${quiet ? "sr" : ""}>${label ?? field.title}</span>
    </label>
    <${Help} field=${field} id=${marks.id} /><${Wrong} ...${marks} />
  </div>`;
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

// ------------------------------------------------------------------ many controls

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
  const shared = { id: marks.id, "aria-label": label, "aria-describedby": marks.described, "aria-invalid": marks.wrong.length > 0, class: "form-input", value: row.key };
  /** @param {{currentTarget: HTMLInputElement}} event */
  const set = (event) => change(event.currentTarget.value);
  return html`<div class="form-key">
    ${field.keys
      ? html`<select ...${shared} onChange=${set}><option value="">Key…</option>${field.keys.map(({ label: text }) => html`<option key=${text} selected=${text === row.key}>${text}</option>`)}</select>`
      : html`<input ...${shared} placeholder="key" autocomplete="off" onInput=${set} />`}
    <${Wrong} ...${marks} />
  </div>`;
}
