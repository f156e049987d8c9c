// Quick answers: where one choice is all that is needed, each of its options is a button that answers.

import { FEW } from "./schema.js";
import { stateOf } from "./filling.js";

/** @typedef {import("./schema.js").Field} Field */
/** @typedef {import("./filling.js").State} State */
/**
 * @typedef {object} Quick
 * @property {Field} field the one that the buttons fill in
 * @property {string} at its place
 * @property {Field} [beside] the fields shown with them; their state is in `shared` where the field is a union
 * @property {string[]} labels
 * @property {(state: State, index: number) => State} press the state of the whole form after that button
 */

/** The quick answers to *root*; null where it needs a form. @param {Field} root @returns {Quick | null} */
export function quickOf(root) {
  const whole = options(root);
  if (whole) return { field: root, at: "", labels: whole.labels, press: (_, i) => whole.states[i] };
  if (root.kind === "union" && root.tagged && !root.nullable) return ofUnion(root);
  if (root.kind !== "object" || root.nullable) return null;
  const fields = (root.fields?.() ?? []).filter((field) => field.kind !== "const");
  const needed = fields.filter((field) => field.required);
  const only = needed.length === 1 && !needed[0].nullable ? options(needed[0]) : null;
  if (!only) return null;
  const [field] = needed;
  return {
    field,
    at: `/${field.key}`,
    beside: { ...root, fields: () => fields.filter((each) => each !== field) },
    labels: only.labels,
    press: (state, i) => ({ ...state, parts: { ...state.parts, [field.key]: only.states[i] } }),
  };
}

/** The few states that *field* can have, where they are all there is to choose. @param {Field} field @returns {{labels: string[], states: State[]} | null} */
function options(field) {
  const found = field.options ?? [];
  const labels = found.map((option) => option.label);
  if (field.nullable || field.readonly) return null;
  if (field.kind === "bool") return { labels, states: [true, false] };
  if (field.kind === "choice" && found.length <= FEW) return { labels, states: found.map((_, i) => i) };
  if (field.kind !== "union" || !field.tagged) return null;
  const variants = field.variants?.() ?? [];
  if (variants.length > FEW || variants.some((each) => each.field.kind !== "object" || open(each.field).length)) return null;
  return {
    labels: variants.map((each) => each.label),
    states: variants.map((each, i) => ({ pick: i, inner: { [i]: stateOf(each.field) } })),
  };
}

/** What is to be filled in, beside constants. @param {Field} variant */
function open(variant) {
  return (variant.fields?.() ?? []).filter((field) => field.kind !== "const");
}

/** Buttons for the tags, beside the optional fields of all variants. @param {Field} root @returns {Quick | null} */
function ofUnion(root) {
  const variants = root.variants?.() ?? [];
  if (variants.length > FEW) return null;
  /** @type {Map<string, {field: Field, told: string, labels: string[]}>} */
  const shared = new Map();
  for (const { label, field } of variants) {
    if (field.kind !== "object" || field.item) return null;
    for (const inner of open(field)) {
      const told = JSON.stringify(inner.schema);
      const known = shared.get(inner.key) ?? { field: inner, told, labels: [] };
      if (inner.required || known.told !== told) return null;
      shared.set(inner.key, { ...known, labels: [...known.labels, label] });
    }
  }
  const fields = [...shared.values()].map(({ field, labels }) =>
    labels.length === variants.length ? field : { ...field, help: [field.help, `Goes with ${labels.join(", ")} only.`].filter(Boolean).join(" ") },
  );
  return {
    field: root,
    at: "",
    beside: { ...root, kind: "object", fields: () => fields, item: undefined },
    labels: variants.map((each) => each.label),
    press: (state, i) => {
      const fresh = stateOf(variants[i].field);
      const kept = Object.keys(fresh.parts).filter((key) => shared.has(key)).map((key) => [key, state.shared.parts[key]]);
      return { ...state, pick: i, inner: { [i]: { ...fresh, parts: { ...fresh.parts, ...Object.fromEntries(kept) } } } };
    },
  };
}
