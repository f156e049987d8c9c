// The controls that hold one value: a text in its several forms, and a choice.

import { html, useState } from "../vendor/preact.js";
import { offset, optional } from "../lib/filling.js";
import { FEW } from "../lib/schema.js";
import { Group, Help, Line, Wrong, useMarks } from "./frame.js";

/** @typedef {import("../lib/schema.js").Field} Field */
/** @typedef {import("./frame.js").Props} Props */

const TYPES = /** @type {Record<string, {type: string, fits: RegExp}>} */ ({
  date: { type: "date", fits: /^\d{4}-\d\d-\d\d$/ },
  time: { type: "time", fits: /^\d\d:\d\d(:\d\d(\.\d{1,3})?)?$/ },
  datetime: { type: "datetime-local", fits: /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?$/ },
});

/** @param {Props} props */
export function InputView(props) {
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
    ...marks.control,
    value: text,
    onInput,
    readonly: field.readonly,
    placeholder: field.placeholder || undefined,
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
export function Options({ props, picked, pick, labels, empty, children }) {
  const { field, at } = props;
  const marks = useMarks(field, at);
  const options = labels.map((text, i) => ({ text, i }));
  if (labels.length > FEW) {
    return html`<${Line} props=${props} marks=${marks}>
      <select ...${marks.control} class="form-input" disabled=${field.readonly}
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
export const nothing = (field) => (field.nullable ? "None" : optional(field) ? "Not set" : "");

/** @param {Props} props */
export function ChoiceView(props) {
  const labels = (props.field.options ?? []).map((option) => option.label);
  return html`<${Options} props=${props} picked=${props.state} pick=${(/** @type {number} */ i) => props.change(() => i)} labels=${labels} empty=${nothing(props.field)} />`;
}

/** @param {Props} props */
export function BoolView(props) {
  const { field, state, change, at, label, quiet } = props;
  const marks = useMarks(field, at);
  if (field.preset === undefined || field.preset === null || field.nullable) {
    const states = [true, false];
    const labels = (field.options ?? []).map((option) => option.label);
    return html`<${Options} props=${props} picked=${states.indexOf(state)} pick=${(/** @type {number} */ i) => change(() => states[i] ?? null)} labels=${labels} empty=${nothing(field)} />`;
  }
  return html`<div class="form-line" data-at=${at} data-kind="bool">
    <label class="form-check">
      <input ...${marks.control} type="checkbox" checked=${state} disabled=${field.readonly}
        onChange=${(/** @type {{currentTarget: HTMLInputElement}} */ event) => { const { checked } = event.currentTarget; change(() => checked); }} />
      <span class=${quiet ? "sr" : ""}>${label ?? field.title}</span>
    </label>
    <${Help} field=${field} id=${marks.id} /><${Wrong} ...${marks} />
  </div>`;
}
