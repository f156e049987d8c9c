// Reads outlines from the standard input and writes their pictures: what tests/model/test_picture.py compares with its own.
import { readFileSync, writeSync } from "node:fs";
import { layout } from "../../src/cadenza/studio/lib/layout.js";

const asked = JSON.parse(readFileSync(0, "utf8"));
const drawn = asked.map(({ items, live, collapsed }) => layout(items, { live, collapsed: new Set(collapsed) }));
writeSync(1, JSON.stringify(drawn));
