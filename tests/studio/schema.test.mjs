// The form without a page: what a schema asks for, what people put in, and where the server's issues belong.

import assert from "node:assert/strict";
import { test } from "node:test";
import { covers, fromJson, rowOf, stateOf, valueOf } from "../../src/cadenza/studio/lib/filling.js";
import { place } from "../../src/cadenza/studio/lib/placing.js";
import { quickOf } from "../../src/cadenza/studio/lib/quick.js";
import { fieldOf } from "../../src/cadenza/studio/lib/schema.js";

/** A model with one field. */
const model = (schema, required = true, more = {}) => ({ type: "object", properties: { it: schema }, required: required ? ["it"] : [], ...more });
/** That field. */
const one = (schema, required = true, more = {}) => fieldOf(model(schema, required, more)).fields()[0];
/** What is sent where nobody touches the form. */
const untouched = (schema, value) => {
  const field = fieldOf(schema);
  return valueOf(field, stateOf(field, value)).value;
};
/** The places of issues, for a form that holds *value*. */
const placed = (schema, value, ...paths) => {
  const field = fieldOf(schema);
  const { at, loose } = place(field, stateOf(field, value), paths.map((path) => ({ path, message: `about ${path}` })));
  return { at: Object.fromEntries([...at].map(([place, texts]) => [place.replaceAll(/\/\d+/g, "/#"), texts])), loose: loose.map((issue) => issue.path) };
};

const NULL = { type: "null" };
const CARD = { title: "Card", type: "object", properties: { kind: { const: "card", default: "card" }, number: { type: "string" } }, required: ["number"] };
const CASH = { title: "Cash", type: "object", properties: { kind: { const: "cash" }, coins: { type: "array", items: { type: "integer" } } }, required: ["kind", "coins"] };
const PAY = {
  $defs: { Card: CARD, Cash: CASH },
  oneOf: [{ $ref: "#/$defs/Cash" }, { $ref: "#/$defs/Card" }],
  discriminator: { propertyName: "kind", mapping: { card: "#/$defs/Card", cash: "#/$defs/Cash" } },
};
const TREE = {
  $defs: { Tree: { type: "object", title: "Tree", properties: { name: { type: "string" }, kids: { type: "array", items: { $ref: "#/$defs/Tree" }, default: [] } }, required: ["name"] } },
  $ref: "#/$defs/Tree",
};

test("each type of Pydantic has its control", () => {
  const kinds = {
    text: [{ type: "string" }, { type: "string", format: "uuid" }, { type: "string", format: "duration" }, { type: "string", contentMediaType: "application/json" }],
    number: [{ type: "integer" }, { type: "number", exclusiveMinimum: 0 }],
    decimal: [{ anyOf: [{ type: "number" }, { type: "string", pattern: "^x" }] }, { anyOf: [{ type: "number" }, { type: "string" }, NULL] }],
    bool: [{ type: "boolean" }],
    choice: [{ enum: ["a", 2] }, { anyOf: [{ const: "a" }, NULL] }, { oneOf: [{ const: 1, title: "One" }, { const: 2 }] }],
    const: [{ const: "a" }, NULL],
    date: [{ type: "string", format: "date" }],
    time: [{ type: "string", format: "time" }],
    datetime: [{ type: "string", format: "date-time" }],
    object: [{ type: "object", properties: {} }, { allOf: [{ type: "object", properties: {} }] }],
    list: [{ type: "array" }, { type: "array", items: {}, uniqueItems: true }],
    tuple: [{ type: "array", prefixItems: [{}, {}] }],
    map: [{ type: "object" }, { type: "object", additionalProperties: { type: "integer" } }, { type: "object", patternProperties: { "^a": {} } }],
    union: [{ anyOf: [{ type: "integer" }, { type: "string" }] }, { type: ["integer", "string"] }, PAY],
    json: [{}, true, null, undefined, { not: {} }, { type: "array", prefixItems: [{}], items: {} }, { type: "string", "x-ui": { widget: "json" } }],
  };
  for (const [kind, schemas] of Object.entries(kinds)) {
    for (const schema of schemas) assert.equal(fieldOf(schema).kind, kind, JSON.stringify(schema));
  }
});

test("what stands beside a reference says more of its place", () => {
  const field = one({ $ref: "#/$defs/E", title: "Here", description: "This one", default: "b" }, false, { $defs: { E: { enum: ["a", "b"], title: "E", description: "An enum" } } });
  assert.deepEqual([field.title, field.help, field.preset, field.kind], ["Here", "This one", "b", "choice"]);
});

test("a field is named by its key where the schema names only its type", () => {
  assert.equal(one({ $ref: "#/$defs/A" }, true, { $defs: { A: { type: "object", title: "Address", properties: {} } } }).title, "It");
});

test("references that lead in a circle, or nowhere, are a box for JSON", () => {
  assert.equal(fieldOf({ $defs: { A: { $ref: "#/$defs/B" }, B: { $ref: "#/$defs/A" } }, $ref: "#/$defs/A" }).kind, "json");
  assert.equal(fieldOf({ $ref: "#/$defs/missing" }).kind, "json");
});

test("a model that holds itself is as deep as its value", () => {
  const value = { name: "a", kids: [{ name: "b", kids: [{ name: "c", kids: [] }] }] };
  assert.deepEqual(untouched(TREE, value), value);
});

test("a model that needs itself does not go on for ever", () => {
  const schema = { $defs: { A: { type: "object", properties: { a: { $ref: "#/$defs/A" } }, required: ["a"] } }, $ref: "#/$defs/A" };
  assert.ok(JSON.stringify(untouched(schema)).startsWith('{"a":{"a":'));
});

test("what is left empty is left out, or null where leaving it out would mean something else", () => {
  const text = { type: "string" };
  const maybe = { anyOf: [text, NULL] };
  const emptied = (schema, required) => {
    const field = fieldOf(model(schema, required));
    const state = stateOf(field, {});
    return valueOf(field, { ...state, parts: { it: "" } }).value;
  };
  assert.deepEqual(emptied(text, true), {});
  assert.deepEqual(emptied(maybe, true), { it: null });
  assert.deepEqual(emptied({ ...maybe, default: null }, false), {});
  assert.deepEqual(emptied({ ...maybe, default: "x" }, false), { it: null });
  assert.deepEqual(emptied({ ...text, default: "x" }, false), { it: "" });
  assert.deepEqual(emptied({ ...text, default: "x", minLength: 1 }, false), {});
  assert.deepEqual(emptied({ type: "integer", default: 5 }, false), {});
});

test("a default is shown and sent; a masked or inexact one is neither", () => {
  assert.deepEqual(untouched(model({ type: "integer", default: 5 }, false)), { it: 5 });
  assert.deepEqual(untouched(model({ type: "string", format: "password", default: "**********" }, false)), {});
  assert.deepEqual(untouched(model({ type: "integer", default: 2 ** 60 }, false)), {});
});

test("numbers keep their digits, and what is none is sent as it was typed", () => {
  const sent = (type, text) => JSON.stringify(valueOf(fieldOf({ type }), text).value);
  assert.equal(sent("integer", " 7 "), "7");
  assert.equal(sent("integer", "12345678901234567890"), JSON.rawJSON ? "12345678901234567890" : "12345678901234567000");
  assert.equal(sent("integer", "1,5"), '"1,5"');
  assert.equal(sent("number", "1e999"), '"1e999"');
  assert.equal(sent("number", ".5"), "0.5");
  assert.equal(sent("integer", ""), "null");
  assert.equal(JSON.stringify(valueOf(fieldOf({ anyOf: [{ type: "number" }, { type: "string" }] }), "1.50").value), '"1.50"');
  if (JSON.rawJSON) assert.equal(JSON.stringify(fromJson("[12345678901234567890]")), "[12345678901234567890]");
});

test("a date and time keeps what it was, unless it is changed", () => {
  const field = fieldOf({ type: "string", format: "date-time" });
  for (const value of ["2026-05-01T12:00:00Z", "2026-05-01T12:00:00.123456+05:30", "2026-05-01T12:00:00", "0001-01-01T00:00:00Z"]) {
    assert.equal(valueOf(field, stateOf(field, value)).value, value);
  }
  const state = stateOf(field, "2026-05-01T12:00:00Z");
  assert.equal(new Date(valueOf(field, { ...state, text: "2026-05-01T12:30" }).value).getTime(), new Date(2026, 4, 1, 12, 30).getTime());
  assert.equal(valueOf(field, { ...state, text: "2026-05-01T12:30", zone: "utc" }).value, "2026-05-01T12:30Z");
  assert.equal(valueOf(field, { ...state, text: "2026-05-01T12:30", zone: "none" }).value, "2026-05-01T12:30");
});

test("keys may be called anything", () => {
  const value = JSON.parse('{"__proto__": 1, "constructor": 2, "": 3}');
  const sent = untouched({ type: "object", additionalProperties: { type: "integer" } }, value);
  assert.equal(JSON.stringify(sent), JSON.stringify(value));
  assert.deepEqual(untouched({ type: "object", properties: { constructor: { type: "string" } } }, {}), {});
});

test("a key that is there twice cannot be sent, nor can what is no JSON", () => {
  const map = fieldOf({ type: "object", additionalProperties: { type: "integer" } });
  assert.deepEqual(valueOf(map, { on: true, rows: [rowOf("1", "a"), rowOf("2", "a")] }).issues.map((issue) => issue.path), ["a"]);
  const any = fieldOf(model({}));
  assert.deepEqual(valueOf(any, { on: true, parts: { it: "{" }, rows: [] }).issues.map((issue) => issue.path), ["it"]);
});

test("a union begins with the variant that its value is of", () => {
  for (const value of [1, "a", [1], { kind: "card", number: "1" }]) {
    assert.deepEqual(untouched({ anyOf: [{ type: "integer" }, { type: "string" }, { type: "array", items: { type: "integer" } }, CARD] }, value), value);
  }
  assert.deepEqual(untouched(PAY, { kind: "cash", coins: [2] }), { kind: "cash", coins: [2] });
});

test("the variants of a tagged union are in the author's order, each with its tag", () => {
  const variants = fieldOf(PAY).variants();
  assert.deepEqual(variants.map(({ label, tag }) => [label, tag]), [["Cash", "cash"], ["Card", "card"]]);
  const numbered = {
    oneOf: [{ type: "object", properties: { v: { enum: [1, 2] } } }, { type: "object", properties: { v: { const: 3 } } }],
    discriminator: { propertyName: "v", mapping: { 1: "#/oneOf/0", 2: "#/oneOf/0", 3: "#/oneOf/1" } },
  };
  const sent = fieldOf(numbered).variants().map(({ field }) => valueOf(field, stateOf(field)).value);
  assert.deepEqual(sent, [{ v: 1 }, { v: 2 }, { v: 3 }]);
});

test("issues stand at their fields", () => {
  const order = model({ type: "array", items: model({ type: "number" }) });
  assert.deepEqual(placed(order, { it: [{ it: 1 }, { it: 2 }] }, "it.1.it", "it"), { at: { "/it/#/it": ["about it.1.it"], "/it": ["about it"] }, loose: [] });
});

test("an issue without a field is told on its own", () => {
  assert.deepEqual(placed(model({ type: "string" }), {}, "", "other"), { at: {}, loose: ["", "other"] });
});

test("a key may hold dots, or nothing", () => {
  const map = model({ type: "object", additionalProperties: { type: "integer" } });
  const value = { it: { a: 1, "a.b": 2, "": 3 } };
  assert.deepEqual(placed(map, value, "it.a.b").at, { "/it/#": ["about it.a.b"] });
  assert.deepEqual(placed(map, value, "it.").at, { "/it/#": ["about it."] });
  assert.deepEqual(placed(map, value, "it.a.[key]").at, { "/it/#/key": ["about it.a.[key]"] });
  assert.deepEqual(placed(map, value, "it.c").at, { "/it": ["c: about it.c"] });
});

test("a tagged union says what is wrong with the variant that was chosen", () => {
  const value = { it: { kind: "card", number: "" } };
  const schema = model({ oneOf: PAY.oneOf, discriminator: PAY.discriminator }, true, { $defs: PAY.$defs });
  assert.deepEqual(placed(schema, value, "it.card.number"), { at: { "/it/=/number": ["about it.card.number"] }, loose: [] });
  assert.deepEqual(placed(schema, value, "it"), { at: { "/it": ["about it"] }, loose: [] });
});

test("a plain union says what is wrong with the member that was chosen, whatever Pydantic calls it", () => {
  const schema = model({ anyOf: [{ type: "integer" }, { type: "string", minLength: 3 }, CARD] });
  const paths = ["it.function-after[f(), int]", "it.constrained-str", "it.Card.number"];
  assert.deepEqual(placed(schema, { it: "x" }, ...paths), { at: { "/it/=": ["about it.constrained-str"] }, loose: [] });
  assert.deepEqual(placed(schema, { it: { number: "x" } }, ...paths), { at: { "/it/=/number": ["about it.Card.number"] }, loose: [] });
});

test("a checker of JSON Schemas names no members of a union", () => {
  const schema = model({ anyOf: [{ type: "integer" }, CARD] });
  assert.deepEqual(placed(schema, { it: { number: "x" } }, "it.number"), { at: { "/it/=/number": ["about it.number"] }, loose: [] });
});

test("quick answers are there for one choice, and for nothing else", () => {
  const labels = (schema) => quickOf(fieldOf(schema))?.labels;
  assert.deepEqual(labels({ type: "boolean" }), ["Yes", "No"]);
  assert.deepEqual(labels({ enum: ["a", "b"] }), ["a", "b"]);
  assert.deepEqual(labels({ type: "boolean", "x-ui": { labels: { true: "Ship it", false: "Wait" } } }), ["Ship it", "Wait"]);
  assert.deepEqual(labels({ type: "object", properties: { ok: { type: "boolean" }, why: { type: "string" } }, required: ["ok"] }), ["Yes", "No"]);
  assert.equal(labels({ enum: ["a", "b", "c", "d", "e"] }), undefined);
  assert.equal(labels({ type: "object", properties: { ok: { type: "boolean" }, why: { type: "string" } }, required: ["ok", "why"] }), undefined);
  assert.equal(labels(PAY), undefined);
});

test("a quick answer takes along what was filled in beside it, if that belongs to it", () => {
  const variant = (tag, more) => ({ type: "object", properties: { act: { const: tag }, note: { type: "string" }, ...more }, required: ["act"] });
  const field = fieldOf({
    oneOf: [variant("yes"), variant("later", { days: { type: "integer" } })],
    discriminator: { propertyName: "act", mapping: { yes: "#/oneOf/0", later: "#/oneOf/1" } },
  });
  const quick = quickOf(field);
  const shared = stateOf(quick.beside, { note: "well", days: 3 });
  const sent = (i) => valueOf(field, quick.press({ ...stateOf(field), shared }, i)).value;
  assert.deepEqual([sent(0), sent(1)], [{ act: "yes", note: "well" }, { act: "later", note: "well", days: 3 }]);
});

test("a form shows a value only where it loses nothing of it", () => {
  assert.ok(covers({ a: "1.5", b: 1, c: 2 }, { a: 1.5, b: 1 }));
  assert.ok(!covers({ a: 1 }, { a: 1, b: 2 }));
  assert.ok(!covers({ a: [1, 2] }, { a: [1] }));
});
