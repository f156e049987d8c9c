// What stands around each control: its label, help, and what is wrong with it.

import { createContext, html, useContext } from "../vendor/preact.js";

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

/** @param {Field} field @param {string} at */
export function useMarks(field, at) {
  const { uid, messages } = useContext(FormContext);
  const id = idOf(uid, at);
  const wrong = messages.get(at) ?? [];
  const help = field.help || field.hints.length > 0;
  const described = [help && `${id}-help`, wrong.length > 0 && `${id}-wrong`].filter(Boolean).join(" ") || undefined;
  const needed = at !== "" && field.required && !field.nullable; // alone, it goes without saying
  const control = { id, "aria-describedby": described, "aria-invalid": wrong.length > 0, "aria-required": needed };
  return { id, wrong, described, needed, control };
}

/** @param {{field: Field, id: string}} props */
export function Help({ field, id }) {
  const hint = field.hints.join(", ");
  if (!field.help && !hint) return null;
  return html`<p class="form-help" id=${`${id}-help`}>
    ${field.help}${field.help && hint ? " · " : ""}${hint && html`<span class="form-hint">${hint[0].toUpperCase() + hint.slice(1)}</span>`}
  </p>`;
}

/** @param {{id: string, wrong: string[]}} props */
export function Wrong({ id, wrong }) {
  return wrong.length > 0 && html`<div class="form-wrong" id=${`${id}-wrong`}>${wrong.map((text) => html`<p key=${text}>${text}</p>`)}</div>`;
}

/** @param {{needed: boolean}} props */
const Star = ({ needed }) => needed && html`<span class="form-star" aria-hidden="true">*</span>`;

/** A label above its control. @param {{props: Props, marks: ReturnType<typeof useMarks>, children?: any}} given */
export function Line({ props: { field, at, label, quiet }, marks, children }) {
  return html`<div class="form-line" data-at=${at} data-kind=${field.kind}>
    <label class=${quiet ? "sr" : "form-label"} for=${marks.id}>${label ?? field.title}<${Star} needed=${marks.needed && !quiet} /></label>
    <${Help} field=${field} id=${marks.id} />${children}<${Wrong} ...${marks} />
  </div>`;
}

/** Controls that belong together. @param {{props: Props, marks: ReturnType<typeof useMarks>, needed?: boolean, radios?: boolean, tools?: any, children?: any}} given */
export function Group({ props: { field, at, label, quiet }, marks, needed = false, radios = false, tools, children }) {
  const wrong = marks.wrong.length > 0;
  const more = radios ? { ...marks.control, role: "radiogroup" } : {};
  return html`<fieldset class=${`form-group ${radios ? "form-radios" : ""}`} id=${marks.id} tabindex="-1" data-at=${at} data-kind=${field.kind}
    data-wrong=${wrong || undefined} aria-describedby=${marks.described} ...${more}>
    <legend class=${quiet ? "sr" : "form-label"}>${label ?? field.title}<${Star} needed=${needed && !quiet} /></legend>
    ${tools}<${Help} field=${field} id=${marks.id} />${radios ? [children, html`<${Wrong} ...${marks} />`] : [html`<${Wrong} ...${marks} />`, children]}
  </fieldset>`;
}
