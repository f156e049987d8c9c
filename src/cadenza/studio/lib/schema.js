// What a JSON Schema asks for, as Pydantic writes it, as a tree of fields that a form can show. The rule here: a schema that
// is not understood becomes a box for JSON, never a refusal. What is inside a field is made when it is asked for, because
// a model may hold itself.

/** @typedef {any} Json */
/** @typedef {Record<string, any>} Schema */
/** @typedef {{value: Json, label: string}} Option */
/**
 * @typedef {object} Field
 * @property {"text" | "number" | "decimal" | "bool" | "choice" | "const" | "date" | "time" | "datetime" | "object" | "list" | "tuple" | "map" | "union" | "json"} kind
 * @property {string} key its name in the object or tuple around it, "" elsewhere
 * @property {string} name of the definition that it comes from
 * @property {string} title
 * @property {string} help
 * @property {string[]} hints what its value has to keep to, in words
 * @property {string} placeholder
 * @property {boolean} required
 * @property {boolean} nullable
 * @property {boolean} readonly
 * @property {Json} [preset] what Python takes where the value is missing; undefined where that is unknown
 * @property {Schema} schema without references
 * @property {string} [look] how a text is asked for: "long", "password", "code", or a keyboard: "numeric", "decimal", "email", "url"
 * @property {Json} [value] of a const
 * @property {Option[]} [options] of a choice
 * @property {() => Field[]} [fields] of an object or tuple
 * @property {() => Field} [item] of a list, or of the further values of an object or map
 * @property {Option[]} [keys] of a map that knows its keys
 * @property {() => Variant[]} [variants] of a union
 * @property {boolean} [tagged] a key of the value says which variant it is
 */
/** @typedef {{label: string, field: Field, tag?: Json}} Variant */

const LONG = 200; // a text that may have more characters gets several lines
export const FEW = 4; // so many choices are shown at once; more become a list to choose from

/** The field for values of *schema*; null is anything. @param {Schema | boolean | null | undefined} schema @returns {Field} */
export function fieldOf(schema) {
  return make(schema ?? {}, { root: schema && typeof schema === "object" ? schema : {} });
}

/** @typedef {{root: Schema, key?: string, title?: string, required?: boolean, tag?: {key: string, value: Json}}} Place where a schema stands */

/** @param {Schema | boolean} given @param {Place} place @returns {Field} */
function make(given, { root, key = "", title, required = true, tag }) {
  const own = typeof given === "object" ? given : {};
  const { schema, name, nullable } = withoutNull(own, root);
  const ui = typeof schema["x-ui"] === "object" ? schema["x-ui"] ?? {} : { widget: schema["x-ui"] };
  const examples = Array.isArray(schema.examples) ? schema.examples : [];
  /** @type {Field} */
  const field = {
    kind: "json",
    key,
    name,
    // The title of a definition names the type; the key says what it is here.
    title: own.title ?? title ?? (key ? words(key) : schema.title ?? ""),
    help: own.description ?? schema.description ?? "",
    hints: hints(schema),
    placeholder: String(ui.placeholder ?? (examples.length ? shown(examples[0]) : "")),
    required,
    nullable,
    readonly: schema.readOnly === true,
    schema,
  };
  if (schema.default !== undefined && exact(schema.default)) field.preset = schema.default;
  Object.assign(field, kindOf(schema, root, ui, nullable, tag));
  if (field.kind === "json") field.placeholder ||= "JSON";
  return field;
}

/** @param {Schema} schema @param {Schema} root @param {Record<string, any>} ui @param {boolean} nullable @param {Place["tag"]} tag @returns {Partial<Field>} */
function kindOf(schema, root, ui, nullable, tag) {
  const labels = ui.labels ?? {};
  /** @param {Json} value @param {string} [label] */
  const option = (value, label) => ({ value, label: labels[String(value)] ?? label ?? shown(value) });
  if (ui.widget === "json") return { kind: "json" };
  if ("const" in schema) {
    return nullable ? { kind: "choice", options: [option(schema.const)] } : { kind: "const", value: schema.const };
  }
  if (Array.isArray(schema.enum)) {
    return { kind: "choice", options: schema.enum.filter((value) => value !== null).map((value) => option(value)) };
  }
  const members = schema.oneOf ?? schema.anyOf;
  if (Array.isArray(members)) {
    if (members.every((member) => typeof member === "object" && "const" in member)) {
      return { kind: "choice", options: members.map((member) => option(member.const, member.title)) };
    }
    return unionOf(schema, members, root, labels);
  }
  switch (schema.type) {
    case "boolean":
      return { kind: "bool", options: [option(true, "Yes"), option(false, "No")] };
    case "integer":
    case "number":
      return { kind: "number", look: keyboard(schema, schema.type === "integer" ? "numeric" : "decimal") };
    case "decimal":
      return { kind: "decimal", look: keyboard(schema, "decimal") };
    case "string":
      return textOf(schema, ui);
    case "array":
      return arrayOf(schema, root);
  }
  return schema.type === "object" || schema.properties ? objectOf(schema, root, tag) : { kind: "json" };
}

/** @param {Schema} schema @param {Record<string, any>} ui @returns {Partial<Field>} */
function textOf(schema, ui) {
  switch (schema.format) {
    case "date":
      return { kind: "date" };
    case "time":
      return { kind: "time" };
    case "date-time":
      return { kind: "datetime" };
    case "password":
      return { kind: "text", look: "password" };
    case "email":
      return { kind: "text", look: "email" };
    case "uri":
      return { kind: "text", look: "url" };
  }
  if (schema.contentMediaType === "application/json") return { kind: "text", look: "code" };
  const long = [schema.format, ui.widget].includes("textarea") || schema.maxLength > LONG;
  return { kind: "text", look: ui.widget === "password" ? "password" : long ? "long" : undefined };
}

/** @param {Schema} schema @param {Schema} root @returns {Partial<Field>} */
function arrayOf(schema, root) {
  const { prefixItems, items } = schema;
  if (Array.isArray(prefixItems)) {
    if (items) return { kind: "json" };
    const least = schema.minItems ?? prefixItems.length;
    return {
      kind: "tuple",
      fields: once(() =>
        prefixItems.map((item, i) => make(item, { root, key: String(i), title: `Part ${i + 1}`, required: i < least })),
      ),
    };
  }
  return { kind: "list", item: once(() => make(items ?? {}, { root })) };
}

/** @param {Schema} schema @param {Schema} root @param {Place["tag"]} tag @returns {Partial<Field>} */
function objectOf(schema, root, tag) {
  const { properties, additionalProperties: more, patternProperties, propertyNames } = schema;
  const needed = schema.required ?? [];
  const others = patternProperties ? Object.values(patternProperties)[0] : more;
  const item = others ? once(() => make(others === true ? {} : others, { root })) : undefined;
  if (!properties && more !== false) {
    const names = propertyNames && resolved(propertyNames, root).schema.enum;
    const keys = Array.isArray(names) ? names.map((value) => ({ value, label: String(value) })) : undefined;
    return { kind: "map", item: item ?? once(() => make({}, { root })), keys };
  }
  const fields = once(() =>
    Object.entries(properties ?? {}).map(([key, inner]) => {
      const pinned = tag?.key === key ? { ...resolved(inner, root).schema, const: tag.value } : inner;
      return make(pinned, { root, key, required: needed.includes(key) });
    }),
  );
  return { kind: "object", fields, item };
}

/** @param {Schema} schema @param {Schema[]} members @param {Schema} root @param {Record<string, string>} labels @returns {Partial<Field>} */
function unionOf(schema, members, root, labels) {
  const { propertyName: key, mapping } = schema.discriminator ?? {};
  if (key && mapping) {
    // The mapping is sorted by the alphabet; the members are in the author's order.
    const order = members.map((member) => JSON.stringify(member));
    /** @type {[string, Schema][]} */
    const entries = Object.entries(mapping).map(([text, to]) => [text, typeof to === "string" ? { $ref: to } : to]);
    const rank = (/** @type {Schema} */ to) => order.indexOf(JSON.stringify(to));
    return {
      kind: "union",
      tagged: true,
      variants: once(() =>
        entries.sort((one, other) => rank(one[1]) - rank(other[1])).map(([text, inner]) => {
          const tag = tagOf(resolved(inner, root).schema, key, text, root);
          const field = make(inner, { root, tag: { key, value: tag } });
          return { label: labels[text] ?? words(text), tag, field };
        }),
      ),
    };
  }
  return {
    kind: "union",
    variants: once(() =>
      members.map((member) => {
        const field = make(member, { root });
        return { label: labels[field.name] ?? labelOf(field), field };
      }),
    ),
  };
}

/** The tag as it is in the value: the mapping knows it as a text only. @param {Schema} variant @param {string} key @param {string} text @param {Schema} root */
function tagOf(variant, key, text, root) {
  const { schema } = resolved(variant.properties?.[key] ?? {}, root);
  const known = "const" in schema ? [schema.const] : schema.enum ?? [];
  return known.find((/** @type {Json} */ value) => String(value) === text) ?? text;
}

// ------------------------------------------------------------------ references and null

/** What `$ref` names, with what stands beside it: that says more of this place. @param {Schema | boolean} given @param {Schema} root */
function resolved(given, root) {
  let schema = typeof given === "object" ? given : {};
  let name = "";
  for (let hops = 0; hops < 50; hops++) {
    const alone = Array.isArray(schema.allOf) && schema.allOf.length === 1;
    if (typeof schema.$ref !== "string" && !alone) return { schema, name };
    const { $ref, allOf, ...rest } = schema;
    if (alone) schema = { ...($ref ? { $ref } : {}), ...allOf[0], ...rest };
    else {
      name = $ref.slice($ref.lastIndexOf("/") + 1);
      schema = { ...(pointed(root, $ref) ?? {}), ...rest };
    }
  }
  return { schema: /** @type {Schema} */ ({}), name };
}

/** @param {Schema} root @param {string} ref such as "#/$defs/Line" @returns {Schema | undefined} */
function pointed(root, ref) {
  let found = root;
  for (const part of ref.replace(/^#\/?/, "").split("/").filter(Boolean)) {
    found = found?.[decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  // A root that names a definition holds the definitions too, and they are no part of the value.
  return found;
}

/** *given* without the null that it also allows, and whether it does. @param {Schema} given @param {Schema} root @returns {{schema: Schema, name: string, nullable: boolean}} */
function withoutNull(given, root) {
  const { schema, name } = resolved(given, root);
  if (schema.type === "null") return { schema: { ...schema, const: null }, name, nullable: false };
  if (Array.isArray(schema.type)) {
    const types = schema.type.filter((type) => type !== "null");
    const nullable = types.length < schema.type.length;
    if (types.length === 1) return { schema: { ...schema, type: types[0] }, name, nullable };
    return { schema: { ...schema, type: undefined, anyOf: types.map((type) => ({ type })) }, name, nullable };
  }
  if (Array.isArray(schema.enum)) return { schema, name, nullable: schema.enum.includes(null) };
  const key = schema.anyOf ? "anyOf" : "oneOf";
  if (!Array.isArray(schema[key])) return { schema, name, nullable: false };
  const rest = decimals(schema[key].filter((/** @type {Schema} */ member) => member.type !== "null"));
  const nullable = schema[key].some((/** @type {Schema} */ member) => member.type === "null");
  const { [key]: _, ...outer } = schema;
  if (rest.length !== 1) return { schema: { ...outer, [key]: rest }, name, nullable };
  const inner = withoutNull(rest[0], root);
  return { schema: { ...inner.schema, ...outer }, name: inner.name || name, nullable: nullable || inner.nullable };
}

/** Pydantic writes a Decimal as a number or a string: one box, whose text keeps what a float would lose. @param {Schema[]} members */
function decimals(members) {
  /** @type {Schema[]} */
  const found = [];
  for (const member of members) {
    const last = found.at(-1);
    const plain = member.type === "string" && Object.keys(member).every((key) => ["type", "pattern"].includes(key));
    if (plain && last?.type === "number") found[found.length - 1] = { ...last, type: "decimal" };
    else found.push(member);
  }
  return found;
}

/** Whether *preset* is what Python has: Pydantic masks secrets, and a long number has lost its digits on the way. @param {Json} preset */
function exact(preset) {
  const masked = "**********";
  const told = JSON.stringify(preset, (_, value) => (Number.isInteger(value) && !Number.isSafeInteger(value) ? masked : value));
  return !told.includes(`"${masked}"`);
}

// ------------------------------------------------------------------ words

/** A key or tag as people read it. @param {string} key */
export function words(key) {
  const text = key.replaceAll(/[_-]+/g, " ").trim();
  return text ? text[0].toUpperCase() + text.slice(1) : key;
}

/** A text as it is, all else as JSON. @param {Json} value @returns {string} */
export function shown(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

const NAMES = /** @type {Record<string, string>} */ ({
  number: "Number", decimal: "Number", integer: "Whole number", bool: "Yes or no", choice: "Choice", text: "Text", duration: "Duration", uuid: "UUID", uri: "Address", email: "Email",
  date: "Date", time: "Time", datetime: "Date and time", object: "Fields", map: "Keys and values", list: "List", tuple: "List", union: "One of several", json: "JSON",
});

/** What a variant without a name is called. @param {Field} field @returns {string} */
function labelOf(field) {
  if (field.kind === "const") return shown(field.value);
  if (field.title) return field.title;
  if (field.kind === "list") return `List: ${labelOf(/** @type {() => Field} */ (field.item)()).toLowerCase()}`;
  const { format, type } = field.schema;
  return NAMES[format] ?? NAMES[type] ?? NAMES[field.kind];
}

const FORMATS = /** @type {Record<string, string>} */ ({
  duration: "such as 1:30:00 or P3DT12H",
  uuid: "a UUID",
  uri: "an address such as https://example.com",
  json: "JSON",
});

/** @param {Schema} schema @returns {string[]} */
function hints(schema) {
  const { minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below, multipleOf, pattern } = schema;
  const found = [];
  if (minimum !== undefined && maximum !== undefined) found.push(`${minimum} to ${maximum}`);
  else if (minimum !== undefined) found.push(`at least ${minimum}`);
  else if (maximum !== undefined) found.push(`at most ${maximum}`);
  if (above !== undefined) found.push(`more than ${above}`);
  if (below !== undefined) found.push(`less than ${below}`);
  if (multipleOf !== undefined) found.push(`a multiple of ${multipleOf}`);
  if (schema.type === "string") found.push(...range(schema.minLength, schema.maxLength, "character"));
  if (!schema.prefixItems) found.push(...range(schema.minItems, schema.maxItems, "item"));
  found.push(...range(schema.minProperties, schema.maxProperties, "item"));
  if (schema.uniqueItems) found.push("each only once");
  if (pattern && schema.type === "string") found.push(`pattern ${pattern}`);
  const format = schema.contentMediaType === "application/json" ? "json" : schema.format;
  return FORMATS[format] ? [...found, FORMATS[format]] : found;
}

/** @param {number | undefined} least @param {number | undefined} most @param {string} what */
function range(least, most, what) {
  const many = (/** @type {number} */ count) => `${count} ${what}${count === 1 ? "" : "s"}`;
  // One character at least is what "required" says already.
  if (least === 1 && what === "character") least = undefined;
  if (least && most !== undefined) return [least === most ? `exactly ${many(most)}` : `${least} to ${many(most)}`];
  if (least) return [`at least ${many(least)}`];
  return most !== undefined ? [`at most ${many(most)}`] : [];
}

/** The keyboard of a phone; those for numbers have no minus. @param {Schema} schema @param {string} look */
function keyboard(schema, look) {
  return (schema.minimum ?? schema.exclusiveMinimum ?? -1) >= 0 ? look : undefined;
}

/** @template T @param {() => T} produce @returns {() => T} */
function once(produce) {
  /** @type {T | undefined} */
  let made;
  return () => (made ??= produce());
}
