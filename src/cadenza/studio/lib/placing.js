// Where the server's issues belong in a form. Pydantic's paths name more than keys: the member of a union, `[key]` for the key of a
// mapping, and they come joined by dots, which a key may hold too. So they are read along the fields.

/** @typedef {import("./schema.js").Field} Field */
/** @typedef {import("./filling.js").Issue} Issue */
/** @typedef {import("./filling.js").State} State */
/** @typedef {string | null} Rest what is left of a path; "" is an empty key */
/** @typedef {{rest: Rest, issue: Issue}} Open */
/** @typedef {Map<string, string[]>} Messages by the place of a field: `/lines/7/amount` in the row with the number 7; the inside of a union is `/=` */
/** @typedef {{field: Field, state: State, at: string, rest: Rest}} Step into a field */

/** @typedef {{at: Messages, names: Map<string, string>, loose: Issue[]}} Placed `names` are the titles at the places of `at` */

/** The messages at their fields, and the issues that have none. @param {Field} field @param {State} state @param {Issue[]} issues @returns {Placed} */
export function place(field, state, issues) {
  /** @type {Placed} */
  const placed = { at: new Map(), names: new Map(), loose: [] };
  spread(field, state, "", "", issues.map((issue) => ({ rest: issue.path || null, issue })), placed);
  return placed;
}

/** @param {Field} field @param {State} state @param {string} here @param {string} around @param {Open[]} open @param {Placed} placed */
function spread(field, state, here, around, open, placed) {
  const { at, names, loose } = placed;
  const name = (here && !here.endsWith("/=") && field.title) || around; // an item is called as its list, a variant as its union
  const put = (/** @type {string} */ message) => {
    names.set(here, name);
    const there = at.get(here) ?? [];
    if (!there.includes(message)) at.set(here, [...there, message]);
  };
  /** @type {Map<string, Step & {open: Open[]}>} */
  const inner = new Map();
  const steps = field.kind === "union" ? members(field, state, here, open) : open.map(({ rest }) => step(field, state, here, rest));
  open.forEach(({ rest, issue }, i) => {
    const to = steps[i];
    if (to) {
      if (!inner.has(to.at)) inner.set(to.at, { ...to, open: [] });
      inner.get(to.at)?.open.push({ rest: to.rest, issue });
    } else if (here === "" && ["object", "list", "tuple", "map"].includes(field.kind)) loose.push(issue);
    else if (field.kind !== "union") put(rest !== null ? `${rest}: ${issue.message}` : issue.message);
    // What other members of a union miss is of interest only where nothing is said of the one that was chosen.
    else if (!steps.some(Boolean)) put(issue.message);
  });
  for (const { field: to, state: held, at: where, open: more } of inner.values()) spread(to, held, where, name, more, placed);
}

/** The step that *rest* makes from *field*; none where it ends here. @param {Field} field @param {State} state @param {string} here @param {Rest} rest @returns {Step | undefined} */
function step(field, state, here, rest) {
  if (!state?.on || rest === null) return undefined;
  if (field.kind === "object" || field.kind === "tuple") {
    const keys = new Map(field.fields?.().map((inner) => [inner.key, inner]));
    const key = longest([...keys.keys()], rest);
    const to = keys.get(key ?? "");
    if (key !== undefined && to && to.kind !== "const") {
      return { field: to, state: state.parts[key], at: `${here}/${key}`, rest: after(rest, key) };
    }
    if (key !== undefined) return undefined;
  }
  const to = field.item?.();
  if (!to) return undefined;
  if (field.kind === "list") {
    const index = Number(/^\d+(?=\.|$)/.exec(rest)?.[0] ?? -1);
    const row = state.rows[index];
    return row && { field: to, state: row.state, at: `${here}/${row.id}`, rest: after(rest, String(index)) };
  }
  const key = longest(state.rows.map((/** @type {State} */ row) => row.key), rest);
  if (key === undefined) return undefined;
  const row = state.rows.find((/** @type {State} */ each) => each.key === key);
  const tail = after(rest, key);
  if (tail === "[key]") return { field: { ...to, kind: "text" }, state: "", at: `${here}/${row.id}/key`, rest: null };
  return { field: to, state: row.state, at: `${here}/${row.id}`, rest: tail };
}

/** @param {Field} field @param {State} state @param {string} here @param {Open[]} open @returns {(Step | undefined)[]} */
function members(field, state, here, open) {
  const variants = field.variants?.() ?? [];
  const picked = variants[state.pick];
  if (!picked) return open.map(() => undefined);
  const labels = open.map(({ rest }) => label(rest ?? ""));
  // Every member of a plain union says why it is not meant, in their order.
  const told = labels.filter((text, i) => text && text !== labels[i - 1]);
  const index = field.tagged ? -1 : told.length === variants.length ? state.pick : -1;
  return open.map(({ rest }, i) => {
    const text = labels[i];
    const mine = text && (field.tagged ? text === String(picked.tag) : index >= 0 ? text === told[index] : text === picked.field.name);
    const to = { field: picked.field, state: state.inner[state.pick], at: `${here}/=` };
    if (mine) return { ...to, rest: after(rest, text) };
    // A checker of JSON Schemas names no members.
    return step(picked.field, to.state, to.at, rest) && { ...to, rest };
  });
}

/** What names the member at the head of *rest*: up to a dot outside brackets. @param {string} rest */
function label(rest) {
  let depth = 0;
  for (let i = 0; i < rest.length; i++) {
    if ("[(<".includes(rest[i])) depth++;
    else if ("])>".includes(rest[i])) depth--;
    else if (rest[i] === "." && depth <= 0) return rest.slice(0, i);
  }
  return rest;
}

/** @param {string[]} keys @param {string} rest */
function longest(keys, rest) {
  return keys.filter((key) => rest === key || rest.startsWith(`${key}.`)).sort((one, other) => other.length - one.length)[0];
}

/** @param {Rest} rest @param {string} head @returns {Rest} */
function after(rest, head) {
  return rest === null || rest.length <= head.length ? null : rest.slice(head.length + 1);
}
