// What people have put into a form so far (its state), and the JSON that it makes. A state has the shape of its field: a text
// where something is typed, `on` where something may be missing. What is right is for the server to say: what is no number is
// sent as the text that it is.

/** @typedef {import("./schema.js").Field} Field */
/** @typedef {import("./schema.js").Json} Json */
/** @typedef {{path: string, message: string}} Issue as the server tells it: `lines.0.amount`, "" for the value itself */
/** @typedef {any} State */
/** @typedef {(next: (last: State) => State) => void} Change */

const DEEP = 12; // a model that needs itself would never end
const ROWS = 5; // so many rows are there from the start, where a list needs some
let rows = 0;

/** A row of a list or map: its number stays the same when rows before it go. @param {State} state @param {string} [key] */
export function rowOf(state, key = "") {
  return { id: ++rows, key, state };
}

/** The state in which *field* holds *value*; undefined is nothing given. @param {Field} field @param {Json} [value] @param {number} [depth] @returns {State} */
export function stateOf(field, value = field.preset, depth = 0) {
  const on = value === undefined ? !optional(field) && depth < DEEP : value !== null;
  /** @param {Field} inner @param {Json} [held] @returns {State} */
  const deeper = (inner, held) => stateOf(inner, held, depth + 1);
  switch (field.kind) {
    case "const":
      return null;
    case "bool":
      return typeof value === "boolean" ? value : null;
    case "choice":
      return field.options?.findIndex((option) => same(option.value, value)) ?? -1;
    case "datetime":
      return instant(value ?? "");
    case "json":
      return value === undefined || (value === null && field.preset === null) ? "" : JSON.stringify(value, null, 2);
    case "object":
    case "tuple": {
      const fields = field.fields?.() ?? [];
      const given = Object(on ? value : {});
      const known = new Set(fields.map((inner) => inner.key));
      const others = Object.entries(given).filter(([key]) => field.item && !known.has(key));
      const parts = on ? fields.map((inner) => [inner.key, deeper(inner, Object.hasOwn(given, inner.key) ? given[inner.key] : undefined)]) : [];
      return { on, parts: Object.fromEntries(parts), rows: others.map(([key, held]) => rowOf(deeper(itemOf(field), held), key)) };
    }
    case "list":
    case "map": {
      const start = on && value === undefined && field.kind === "list" ? Math.min(field.schema.minItems ?? 0, ROWS) : 0;
      const held = value === undefined ? Array.from({ length: start }) : Object(value);
      return { on, rows: Object.keys(on ? { ...held } : {}).map((key) => rowOf(deeper(itemOf(field), held[key]), field.kind === "map" ? key : "")) };
    }
    case "union": {
      const variants = field.variants?.() ?? [];
      const pick = value === undefined || value === null ? -1 : variants.findIndex((each) => fits(each.field, value));
      return { pick, inner: pick < 0 ? {} : { [pick]: deeper(variants[pick].field, value) } };
    }
  }
  return value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);
}

/** A change of one part of a state, as a change of the whole. @param {Change} change @param {string | number} key @param {string} [parts] @returns {Change} */
export function within(change, key, parts = "parts") {
  return (next) => change((last) => ({ ...last, [parts]: { ...last[parts], [key]: next(last[parts][key]) } }));
}

/** What the rows of *field* hold. @param {Field} field */
export function itemOf(field) {
  return /** @type {() => Field} */ (field.item)();
}

/** Whether *field* may be left out, and nothing is known that would stand for it. @param {Field} field */
export function optional(field) {
  return field.nullable || (!field.required && field.preset === undefined);
}

/** The JSON to send, and what cannot be sent. @param {Field} field @param {State} state @returns {{value: Json, issues: Issue[]}} */
export function valueOf(field, state) {
  /** @type {Issue[]} */
  const issues = [];
  return { value: slot(field, state, "", issues), issues };
}

/** A place that cannot be left out: the root, an item, the inside of a union. @param {Field} field @param {State} state @param {string} at @param {Issue[]} issues @returns {Json} */
function slot(field, state, at, issues) {
  const value = read(field, state, at, issues);
  return value !== undefined ? value : field.kind === "text" && !field.nullable ? "" : null;
}

/** What is there; undefined where nothing is. @param {Field} field @param {State} state @param {string} at @param {Issue[]} issues @returns {Json} */
function read(field, state, at, issues) {
  const inside = (/** @type {string | number} */ key) => (at ? `${at}.${key}` : String(key));
  switch (field.kind) {
    case "const":
      return field.value;
    case "bool":
      return state ?? undefined;
    case "choice":
      return field.options?.[state]?.value;
    case "number":
      return state.trim() ? numberOf(state.trim()) : undefined;
    case "decimal":
      return state.trim() || undefined;
    case "datetime":
      return sent(state);
    case "json":
      return state.trim() ? parsed(state, at, issues) : undefined;
    case "object": {
      if (!state.on) return undefined;
      /** @type {[string, Json][]} */
      const found = [];
      for (const inner of field.fields?.() ?? []) {
        const held = read(inner, state.parts[inner.key], inside(inner.key), issues);
        const value = held === undefined ? left(inner) : held;
        if (value !== undefined) found.push([inner.key, value]);
      }
      return Object.fromEntries([...found, ...entries(field, state.rows, inside, issues)]);
    }
    case "map":
      return state.on ? Object.fromEntries(entries(field, state.rows, inside, issues)) : undefined;
    case "list":
      if (!state.on) return undefined;
      return state.rows.map((/** @type {State} */ row, /** @type {number} */ i) => slot(itemOf(field), row.state, inside(i), issues));
    case "tuple": {
      if (!state.on) return undefined;
      const fields = field.fields?.() ?? [];
      const found = fields.map((inner, i) => read(inner, state.parts[fields[i].key], inside(i), issues));
      // What may be missing may be so at the end only.
      while (found.length && found.at(-1) === undefined && !fields[found.length - 1].required) found.pop();
      return found.map((value, i) => (value === undefined ? slot(fields[i], state.parts[fields[i].key], inside(i), []) : value));
    }
    case "union": {
      const picked = field.variants?.()[state.pick];
      return picked && slot(picked.field, state.inner[state.pick], at, issues);
    }
  }
  return state === "" ? undefined : state;
}

/** What an emptied field of an object means: null or an empty text where leaving it out would mean something else. @param {Field} field */
function left(field) {
  if (field.nullable) return field.required || (field.preset ?? null) !== null ? null : undefined;
  return field.kind === "text" && !field.required && field.preset && !field.schema.minLength ? "" : undefined;
}

/** @param {Field} field @param {State[]} held @param {(key: string) => string} inside @param {Issue[]} issues @returns {[string, Json][]} */
function entries(field, held, inside, issues) {
  const seen = new Set((field.fields?.() ?? []).map((inner) => inner.key));
  return held.map(({ key, state }) => {
    if (seen.has(key)) issues.push({ path: inside(key), message: `The key ${JSON.stringify(key)} is there twice` });
    seen.add(key);
    return [key, slot(itemOf(field), state, inside(key), issues)];
  });
}

// ------------------------------------------------------------------ texts that stand for something

/** @param {string} text @returns {Json} */
function numberOf(text) {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return text;
  const number = Number(text);
  if (!Number.isFinite(number)) return text; // JSON knows no infinity
  return /^[+-]?\d+$/.test(text) ? exact(number, BigInt(text).toString()) : number;
}

/** A whole number as it was written, where a float would lose digits. @param {number} number @param {string} digits @returns {Json} */
function exact(number, digits) {
  const raw = /** @type {any} */ (JSON).rawJSON; // since 2023 to 2025, by browser
  return Number.isSafeInteger(number) || !raw ? number : raw(digits);
}

/** *text* as JSON, whose long whole numbers keep their digits. @param {string} text @returns {Json} */
export function fromJson(text) {
  /** @param {string} _ @param {Json} value @param {{source?: string}} [context] @returns {Json} */
  const keep = (_, value, context) =>
    typeof value === "number" && /^-?\d+$/.test(context?.source ?? "") ? exact(value, context?.source ?? "") : value;
  return JSON.parse(text, keep);
}

/** @param {string} text @param {string} at @param {Issue[]} issues @returns {Json} */
function parsed(text, at, issues) {
  try {
    return fromJson(text);
  } catch (error) {
    issues.push({ path: at, message: `This is not JSON: ${/** @type {Error} */ (error).message}` });
    return null;
  }
}

const NATIVE = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?$/;
const ZONE = /(Z|[+-]\d\d:?\d\d)$/i;

/** A date and time as a field shows it: in the zone of the reader where that is exact. Untouched, it is sent as it came. @param {string} value @returns {State} */
function instant(value) {
  const was = String(value);
  const at = new Date(was);
  const zoned = ZONE.test(was);
  const bare = was.replace(ZONE, "").replace(/(\.\d{3})0+$/, "$1").replace(/\.0+$/, "");
  if (!was || !NATIVE.test(bare) || Number.isNaN(at.getTime())) return { text: was, zone: "local", was };
  if (!zoned) return { text: bare, zone: "none", was, first: bare };
  const local = new Date(at.getTime() + minutes(at) * 60_000).toISOString().replace(/(:00)?\.000Z$|Z$/, "");
  return { text: local, zone: "local", was, first: local };
}

/** @param {State} state @returns {Json} */
function sent({ text, zone, was, first }) {
  if (!text.trim()) return undefined;
  const untouched = text === first && zone === (ZONE.test(was) ? "local" : "none");
  if (untouched) return was;
  if (!NATIVE.test(text) || zone === "none") return text.trim();
  return text + (zone === "utc" ? "Z" : offset(text));
}

/** How far the reader's clock is ahead of UTC. @param {Date} at */
const minutes = (at) => Math.round(-at.getTimezoneOffset());

/** @param {string} text a local time @returns {string} such as "+02:00" */
export function offset(text) {
  const at = new Date(text);
  const ahead = minutes(Number.isNaN(at.getTime()) ? new Date() : at);
  const two = (/** @type {number} */ number) => String(Math.trunc(number)).padStart(2, "0");
  return `${ahead < 0 ? "-" : "+"}${two(Math.abs(ahead) / 60)}:${two(Math.abs(ahead) % 60)}`;
}

// ------------------------------------------------------------------ which variant a value is

const DATE = /^\d{4}-\d\d-\d\d$/;
const SHAPES = /** @type {Record<string, RegExp>} */ ({
  uuid: /^[\da-f]{8}-?([\da-f]{4}-?){3}[\da-f]{12}$/i,
  uri: /^[a-z][a-z\d+.-]*:/i,
  email: /^\S+@\S+$/,
  duration: /^[+-]?P|^(\d+ days?,? )?\d+:\d\d/i,
});

/** Whether *value* looks like one of *field*. @param {Field} field @param {Json} value @returns {boolean} */
export function fits(field, value) {
  if (value === null) return field.nullable || field.kind === "json" || (field.kind === "const" && field.value === null);
  const text = typeof value === "string";
  switch (field.kind) {
    case "const":
      return same(field.value, value);
    case "choice":
      return !!field.options?.some((option) => same(option.value, value));
    case "bool":
      return typeof value === "boolean";
    case "number":
      return typeof value === "number" ? field.schema.type === "number" || Number.isInteger(value) : "rawJSON" in Object(value);
    case "decimal":
      return typeof value === "number" || (text && /^\s*[+-]?[\d.]+(e[+-]?\d+)?\s*$/i.test(value));
    case "text":
      return text && (SHAPES[field.schema.format]?.test(value) ?? true);
    case "date":
      return text && DATE.test(value);
    case "time":
      return text && /^\d\d:\d\d/.test(value);
    case "datetime":
      return text && /^\d{4}-\d\d-\d\d[T ]\d/.test(value);
    case "list":
      return Array.isArray(value) && value.every((each) => fits(itemOf(field), each));
    case "tuple": {
      const fields = field.fields?.() ?? [];
      return Array.isArray(value) && value.length <= fields.length && fields.every((inner, i) => (i < value.length ? fits(inner, value[i]) : !inner.required));
    }
    case "map":
      return isObject(value) && Object.values(value).every((each) => fits(itemOf(field), each));
    case "object": {
      if (!isObject(value)) return false;
      const fields = field.fields?.() ?? [];
      const known = fields.filter((inner) => Object.hasOwn(value, inner.key));
      if (!field.item && known.length < Object.keys(value).length) return false;
      return fields.every((inner) => (Object.hasOwn(value, inner.key) ? fits(inner, value[inner.key]) : !inner.required));
    }
    case "union":
      return !!field.variants?.().some((each) => fits(each.field, value));
  }
  return true;
}

/** Whether *value* holds all that *wanted* says; a text may say it as a number does. @param {Json} value @param {Json} wanted @returns {boolean} */
export function covers(value, wanted) {
  if (Array.isArray(wanted)) {
    return Array.isArray(value) && value.length === wanted.length && wanted.every((each, i) => covers(value[i], each));
  }
  if (isObject(wanted) && !("rawJSON" in wanted)) {
    return isObject(value) && Object.keys(wanted).every((key) => (Object.hasOwn(value, key) ? covers(value[key], wanted[key]) : wanted[key] === null));
  }
  return same(value, wanted) || (typeof value === "string" && typeof wanted === "number" && value === String(wanted));
}

/** @param {Json} one @param {Json} other */
function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** @param {Json} value @returns {value is Record<string, Json>} */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
