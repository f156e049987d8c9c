// The form for a JSON Schema. The server says what is right; the form only says where.

import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { covers, fromJson, stateOf, valueOf } from "../lib/filling.js";
import { place } from "../lib/placing.js";
import { quickOf } from "../lib/quick.js";
import { fieldOf } from "../lib/schema.js";
import { FieldView } from "./fields.js";
import { FormContext, idOf } from "./frame.js";
import { QuickView } from "./quick.js";

/** @typedef {import("../lib/filling.js").Issue} Issue */
/** @typedef {import("../lib/filling.js").State} State */
/**
 * @typedef {object} Props
 * @property {any} schema a JSON Schema; null is anything
 * @property {any} [initial] the value to begin with; give another `key` to begin anew
 * @property {Issue[]} [issues] what the server found wrong with the value that was sent last
 * @property {boolean} [busy]
 * @property {string} [submitLabel]
 * @property {(value: any) => void} onSubmit
 * @property {(value: any) => void} [onChange] with each change, wrong values too
 * @property {any} [secondary] further buttons
 */

/** @type {Issue[]} */
const NONE = [];
let forms = 0;

/** A form; another schema begins anew. @param {Props} props */
export function SchemaForm(props) {
  return html`<${Whole} key=${JSON.stringify(props.schema)} ...${props} />`;
}

/** @param {Props} props */
function Whole({ schema, initial, issues = NONE, busy = false, submitLabel = "Send", onSubmit, onChange, secondary }) {
  const uid = useMemo(() => `form${++forms}`, []);
  const field = useMemo(() => fieldOf(schema), []);
  const quick = useMemo(() => quickOf(field), []);
  /** @param {any} [value] */
  const begin = (value) => ({ ...begun(field, quick, value), version: 0 });
  const [held, setHeld] = useState(() => begin(initial));
  const [text, setText] = useState(/** @type {string | null} */ (null)); // as JSON; null is as a form
  const [own, setOwn] = useState(NONE); // what cannot even be sent
  const form = useRef(/** @type {any} */ (null));
  const shown = own.length ? own : issues;
  // The issues are about what was sent; where it was is what counts.
  const placed = useMemo(
    () => (text === null ? place(field, held.state, shown) : { at: new Map(), names: new Map(), loose: shown }),
    [shown, text === null],
  );
  useEffect(() => {
    if (!shown.length) return;
    const wrong = form.current.querySelector("[aria-invalid=true], [data-wrong]");
    const inner = wrong?.matches("fieldset") && wrong.querySelector("input:checked, input[type=radio]");
    (inner || wrong || form.current.querySelector("[role=alert]"))?.focus();
  }, [shown]);
  useEffect(() => onChange?.(text === null ? valueOf(field, held.state).value : tried(text).value), [held, text]);

  /** @param {(last: State) => State} next */
  const change = (next) => setHeld((last) => ({ ...last, state: next(last.state) }));
  /** @param {{value: any, issues: Issue[]}} answer */
  const send = ({ value, issues: found }) => {
    if (busy) return;
    setOwn(found.length ? found : NONE);
    if (!found.length) onSubmit(value);
  };
  const submit = () => (text !== null ? send(tried(text)) : quick || send(valueOf(field, held.state)));
  /** @param {number} i */
  const press = (i) => {
    const state = /** @type {import("../lib/quick.js").Quick} */ (quick).press(held.state, i);
    setHeld((last) => ({ ...last, state }));
    send(valueOf(field, state));
  };
  const toJson = () => {
    const { value, issues: found } = valueOf(field, held.state);
    setOwn(found.length ? found : NONE);
    if (!found.length) setText(JSON.stringify(value, null, 2));
  };
  const toForm = () => {
    const { value, issues: found } = tried(text ?? "");
    const next = begun(field, quick, value);
    const lost = !found.length && !covers(valueOf(field, next.state).value, value);
    setOwn(found.length ? found : lost ? [{ path: "", message: "The form cannot show all of this value; it can be sent as JSON" }] : NONE);
    if (found.length || lost) return;
    setHeld((last) => ({ ...next, version: last.version + 1 }));
    setText(null);
  };
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    submit();
  };
  const needed = text === null && !quick && field.kind === "object" && field.fields?.().some((inner) => !inner.required);
  return html`<form ref=${form} class="form" novalidate aria-busy=${busy} onKeyDown=${onKeyDown} onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); submit(); }}>
    <${FormContext.Provider} value=${{ uid, messages: placed.at }}>
      <${Summary} uid=${uid} placed=${placed} whole=${text !== null} />
      ${text !== null
        ? html`<div class="form-line"><label class="sr" for=${uid}>Value as JSON</label>
            <textarea id=${uid} class="form-input form-code form-whole" rows="10" spellcheck="false" value=${text} aria-invalid=${shown.length > 0}
              onInput=${(/** @type {{currentTarget: HTMLTextAreaElement}} */ event) => setText(event.currentTarget.value)} /></div>`
        : html`<div class="form-body" key=${held.version}>
            ${quick
              ? html`<${QuickView} quick=${quick} state=${held.state} change=${change} press=${press} busy=${busy} />`
              : html`<${FieldView} field=${field} state=${held.state} change=${change} at="" label=${field.kind === "object" ? field.title : field.title || "Value"} />`}
          </div>`}
      <div class="form-foot">
        ${(text !== null || !quick) && html`<button class="button main" disabled=${busy}>${submitLabel}<kbd class="form-kbd" aria-hidden="true">Ctrl ↵</kbd></button>`}
        ${secondary}
        <span class="form-gap" />
        ${needed && html`<span class="form-needed"><span class="form-star">*</span> needed</span>`}
        ${field.kind !== "json" && html`<div class="form-switch" role="group" aria-label="Show as">
          <button type="button" aria-pressed=${text === null} onClick=${() => text !== null && toForm()}>Form</button>
          <button type="button" aria-pressed=${text !== null} onClick=${() => text === null && toJson()}>JSON</button>
        </div>`}
      </div>
    <//>
  </form>`;
}

/** What is wrong, with the way to it; nothing where the one field that is wrong says so itself. @param {{uid: string, placed: ReturnType<typeof place>, whole: boolean}} props */
function Summary({ uid, placed, whole }) {
  const { at, names, loose } = placed;
  if (!loose.length && at.size < 2) return null;
  /** @param {Event} event @param {string} id */
  const go = (event, id) => {
    event.preventDefault();
    const target = document.getElementById(id);
    target?.focus();
    target?.scrollIntoView({ block: "nearest" });
  };
  const count = loose.length + at.size;
  return html`<div class="form-summary" role="alert" tabindex="-1">
    ${!(whole && count === 1) && html`<p>${count === 1 ? "One thing is wrong" : `${count} things are wrong`}</p>`}
    <ul>
      ${loose.map(({ path, message }, i) => html`<li key=${`${i}`}>${path && html`<code>${path}</code>`}${path && " "}${message}</li>`)}
      ${[...at].map(([place, messages]) => html`<li key=${place}><a href=${`#${idOf(uid, place)}`} onClick=${(/** @type {Event} */ event) => go(event, idOf(uid, place))}>${names.get(place) || "Value"}</a>: ${messages[0]}</li>`)}
    </ul>
  </div>`;
}

/** @param {string} text @returns {{value: any, issues: Issue[]}} */
function tried(text) {
  try {
    return { value: text.trim() ? fromJson(text) : null, issues: [] };
  } catch (error) {
    return { value: undefined, issues: [{ path: "", message: `This is not JSON: ${/** @type {Error} */ (error).message}` }] };
  }
}

/** @param {import("../lib/schema.js").Field} field @param {import("../lib/quick.js").Quick | null} quick @param {any} [value] @returns {{state: State}} */
function begun(field, quick, value) {
  const state = stateOf(field, value);
  return { state: quick?.beside && field.kind === "union" ? { ...state, shared: stateOf(quick.beside, value) } : state };
}
