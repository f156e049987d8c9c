import assert from "node:assert/strict";
import { test } from "node:test";
import { first, fitted, neighbour, showing, zoomed } from "../../src/cadenza/studio/lib/panning.js";

test("the whole is in the window, in the middle, and never enlarged", () => {
  assert.deepEqual(fitted({ width: 400, height: 100 }, { w: 200, h: 200 }), { k: 0.5, x: 0, y: 75 });
  assert.deepEqual(fitted({ width: 100, height: 100 }, { w: 300, h: 200 }), { k: 1, x: 100, y: 50 });
});

test("what could not be read as a whole is shown from its top", () => {
  const view = first({ width: 300, height: 20_000 }, { w: 600, h: 400 });
  assert.deepEqual(view, { k: 1, x: 150, y: 0 });
});

test("a narrow window shows the whole width, as far as it can be read", () => {
  assert.equal(first({ width: 500, height: 5000 }, { w: 350, h: 400 }).k, 0.7);
  assert.equal(first({ width: 2000, height: 5000 }, { w: 350, h: 400 }).k, 0.6);
});

test("zooming keeps the point under the pointer", () => {
  const view = zoomed({ k: 1, x: 10, y: 20 }, 1.5, 110, 220);
  assert.deepEqual([(110 - view.x) / view.k, (220 - view.y) / view.k], [100, 200]);
  assert.equal(zoomed({ k: 1, x: 0, y: 0 }, 100, 0, 0).k, 2);
});

test("the view moves only as far as it takes to see a box", () => {
  const room = { w: 400, h: 300 };
  const view = { k: 1, x: 0, y: 0 };
  assert.deepEqual(showing(view, { x: 100, y: 100, w: 50, h: 50 }, room), view);
  assert.deepEqual(showing(view, { x: 100, y: 400, w: 50, h: 50 }, room), { k: 1, x: 0, y: -174 });
  assert.deepEqual(showing({ k: 1, x: 0, y: -500 }, { x: 100, y: 100, w: 50, h: 50 }, room), { k: 1, x: 0, y: -76 });
});

test("arrows lead to the nearest box that way", () => {
  const box = (name, x, y) => ({ name, x, y, w: 100, h: 40 });
  const [top, left, right, end] = [box("top", 100, 0), box("left", 0, 100), box("right", 200, 100), box("end", 100, 200)];
  const others = (own) => [top, left, right, end].filter((other) => other !== own);
  const to = (from, key) => neighbour(from, others(from), key)?.name;
  assert.equal(to(top, "ArrowDown"), "left");
  assert.equal(to(left, "ArrowRight"), "right");
  assert.equal(to(right, "ArrowLeft"), "left");
  assert.equal(to(left, "ArrowDown"), "end");
  assert.equal(to(end, "ArrowUp"), "left");
  assert.equal(to(top, "ArrowUp"), undefined);
  assert.equal(to(left, "ArrowLeft"), undefined);
});
