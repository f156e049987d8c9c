// A page with one form, for the tests: they mount it, fill it in through its controls, and read what it sent.

import { html, render } from "/studio/vendor/preact.js";
import { SchemaForm } from "/studio/components/form.js";

const main = document.getElementById("form");
let mounted = 0;
let props = {};

/** What was sent, as JSON, last one last. */
window.sent = [];
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));

function show() {
  render(html`<${SchemaForm} key=${mounted} onSubmit=${(value) => window.sent.push(JSON.stringify(value))}
    onChange=${(value) => (document.body.dataset.value = JSON.stringify(value) ?? "")} ...${props} />`, main);
}

window.mount = (schema, more = {}) => {
  mounted++;
  window.sent = [];
  props = { schema, ...more };
  show();
};

window.change = (more) => {
  props = { ...props, ...more };
  show();
};

/** As when the server refused what was sent. */
window.refuse = (issues) => window.change({ issues });

// ------------------------------------------------------------------ filling in

// Rendering waits for a microtask, effects for a frame or 100 ms; a message is a task of its own, without the delay of a timer.
const channel = new MessageChannel();
const turn = () => new Promise((done) => {
  channel.port1.onmessage = done;
  channel.port2.postMessage(0);
});

async function type(control, text) {
  control.focus();
  const proto = { INPUT: HTMLInputElement, TEXTAREA: HTMLTextAreaElement, SELECT: HTMLSelectElement }[control.tagName].prototype;
  Object.getOwnPropertyDescriptor(proto, "value").set.call(control, text);
  if (control.value !== text) throw new Error(`the control cannot hold ${JSON.stringify(text)}: ${control.outerHTML}`);
  control.dispatchEvent(new Event(control.tagName === "SELECT" ? "change" : "input", { bubbles: true }));
  await turn();
}

async function click(control) {
  if (!control) throw new Error("nothing to click");
  control.click();
  await turn();
}

/** The fields right inside *outer*. */
function inner(outer) {
  return [...outer.querySelectorAll("[data-at]")].filter((each) => each.parentElement.closest("[data-at]") === outer);
}

function child(outer, key) {
  const found = inner(outer).find((each) => each.dataset.at.slice(outer.dataset.at.length + 1) === key);
  if (!found) throw new Error(`no field ${key} in ${outer.outerHTML}`);
  return found;
}

const own = (outer, selector) => [...outer.querySelectorAll(selector)].filter((each) => each.closest("[data-at]") === outer);

async function pick(field, index, empty = false) {
  const select = own(field, "select")[0];
  if (select) return type(select, String(index));
  const radio = own(field, "input[type=radio]").find((each) => each.value === String(index));
  if (!radio && empty) return undefined;
  return click(radio);
}

/** Fill in *field* by *plan*, as the test wrote it. Fields are found anew after each change. */
async function fill(find, plan) {
  const field = find();
  if (plan.wrong) window.wrong = find;
  if (field.matches(".form-quick")) {
    if (plan.do === "nothing") window.possible = false; // one presses a button, or none
    const button = plan.do === "check" ? (plan.on ? 0 : 1) : plan.index;
    window.press = () => field.querySelectorAll(".form-answer")[button];
    return undefined;
  }
  switch (plan.do) {
    case "keep":
      return undefined;
    case "nothing": {
      const out = own(field, ".form-clear")[0];
      if (out) return click(out);
      const control = own(field, "input:not([type=radio]), textarea, select")[0];
      if (own(field, "input[type=radio]").length || control?.tagName === "SELECT") return pick(field, -1, true);
      return control && type(control, "");
    }
    case "text":
      return type(own(field, "input, textarea")[0], plan.text);
    case "instant":
      await type(own(field, "input")[0], plan.text);
      return own(find(), "select")[0] && type(own(find(), "select")[0], plan.zone);
    case "check": {
      const box = own(field, "input[type=checkbox]")[0];
      return box ? box.checked !== plan.on && click(box) : pick(field, plan.on ? 0 : 1);
    }
    case "choose":
      return pick(field, plan.index);
    case "variant":
      await pick(field, plan.index);
      return fill(() => child(find(), "="), plan.inner);
    case "parts":
      await open(find);
      for (const [key, part] of plan.parts) await fill(() => child(find(), key), part);
      return undefined;
    case "rows": {
      await open(find);
      const rows = () => [...find().querySelectorAll(".form-row")].filter((row) => row.parentElement.closest("[data-at]") === find());
      while (rows().length > plan.rows.length) await click(rows().at(-1).querySelector(":scope > .form-remove"));
      while (rows().length < plan.rows.length) await click([...own(find(), ".form-add")].at(-1));
      for (const [i, [key, part]] of plan.rows.entries()) {
        if (key !== null) await type(rows()[i].querySelector(".form-key > .form-input"), key);
        await fill(() => rows()[i].querySelector(":scope > [data-at]"), part);
      }
      return undefined;
    }
  }
  throw new Error(`unknown plan ${plan.do}`);
}

/** Add a group that is not there yet. */
async function open(find) {
  const add = [...find().children].find((each) => each.matches(".form-add"));
  if (add) await click(add);
}

/** Fill in the form; whether that is possible. */
window.fill = async (plan) => {
  Object.assign(window, { wrong: null, press: null, possible: true });
  await fill(() => main.querySelector("[data-at='']"), plan);
  return window.possible;
};

/** Send by the keyboard, or by the button that answers; what was sent. */
window.send = async () => {
  if (window.press) await click(window.press());
  else {
    main.querySelector("form").dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, bubbles: true, cancelable: true }));
    await turn();
  }
  return window.sent.at(-1) ?? null;
};

/** Show what the server found wrong; what the field says that was filled in wrongly, and whether it has the focus. */
window.refused = async (issues) => {
  window.refuse(issues);
  for (let frames = 0; frames < 20 && !main.querySelector("[aria-invalid=true], [data-wrong]")?.contains(document.activeElement); frames++) {
    await new Promise((done) => requestAnimationFrame(done));
  }
  const field = window.wrong();
  const [control] = [field, ...own(field, "*")].filter((each) => each.matches("[aria-invalid=true], [data-wrong]"));
  const says = (control?.getAttribute("aria-describedby") ?? "").split(" ").map((id) => document.getElementById(id)).filter((each) => each?.matches(".form-wrong"));
  return { messages: says.flatMap((each) => [...each.children].map((text) => text.textContent)), focus: !!control?.contains(document.activeElement) };
};

document.body.dataset.ready = "";
