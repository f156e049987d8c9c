// Big buttons that answer at once, below what may be said with them.

import { html, useContext } from "../vendor/preact.js";
import { Fields } from "./fields.js";
import { FormContext, Wrong, idOf } from "./frame.js";

/** @typedef {import("../lib/filling.js").Change} Change */
/** @typedef {import("../lib/filling.js").State} State */

/** @param {{quick: import("../lib/quick.js").Quick, state: State, change: Change, press: (index: number) => void, busy: boolean}} props */
export function QuickView({ quick, state, change, press, busy }) {
  const { uid, messages } = useContext(FormContext);
  const { field, at, beside, labels } = quick;
  const shared = state?.shared !== undefined;
  /** @type {Change} */
  const edit = (next) => change((last) => (shared ? { ...last, shared: next(last.shared) } : next(last)));
  const id = idOf(uid, at);
  const wrong = messages.get(at) ?? [];
  const intro = at ? beside?.help : "";
  return html`<div class="form-fields" data-at=${at ? "" : undefined}>
    ${intro && html`<p class="form-help">${intro}</p>`}
    ${beside && html`<${Fields} field=${beside} state=${shared ? state.shared : state} change=${edit} at=${shared ? "/=" : ""} />`}
    <div class="form-quick" role="group" id=${id} tabindex="-1" data-at=${at} data-kind="quick" data-wrong=${wrong.length > 0 || undefined}
      aria-labelledby=${`${id}-name`} aria-describedby=${wrong.length > 0 ? `${id}-wrong` : undefined}>
      <p id=${`${id}-name`} class=${at ? "form-label" : "sr"}>${at ? field.title : "Answer"}</p>
      ${field.help && html`<p class="form-help">${field.help}</p>`}
      <div class="form-buttons">
        ${labels.map((label, i) => html`<button key=${i} type="button" class="form-answer" disabled=${busy} onClick=${() => press(i)}>${label}</button>`)}
      </div>
      <${Wrong} id=${id} wrong=${wrong} />
    </div>
  </div>`;
}
