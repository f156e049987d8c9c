import assert from "node:assert/strict";
import { test } from "node:test";
import { countOf, layout, nestedOf } from "../../src/cadenza/studio/lib/layout.js";

/** Random outlines, the same for the same seed. */
function outlines(seed) {
  const random = () => ((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32);
  const upTo = (n) => 1 + Math.floor(random() * n);
  let number = 0;
  const id = () => `${"step".repeat(upTo(8)).slice(0, upTo(30))}-${number++}`;
  const some = (n, make) => Array.from({ length: upTo(n) }, make);
  const list = (depth) => some(4, () => item(depth));
  const body = (depth) => (random() < 0.5 ? { kind: "step", id: id() } : { kind: "workflow", id: id(), graph: list(depth - 1) });
  function item(depth) {
    switch (depth > 0 ? Math.floor(random() * 8) : 0) {
      case 1: return { kind: "workflow", id: id(), graph: list(depth - 1) };
      case 2: return { kind: "parallel", first_answer_wins: random() < 0.3, branches: some(14, () => list(depth - 1)) };
      case 3: return { kind: "branch", branches: some(9, () => ({ when: id(), nodes: list(depth - 1) })) };
      case 4: return { kind: "loop", id: id(), until: true, when: id(), body: [body(depth)] };
      case 5: return { kind: "foreach", id: id(), concurrency: upTo(5), body: [body(depth)] };
      case 6: return { kind: "sleep", id: id(), seconds: random() * 1e5 };
      default: return { kind: "step", id: id() };
    }
  }
  return list(3);
}

const apart = (a, b) => a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
const contains = (a, b) => a.x < b.x && a.y < b.y && b.x + b.w < a.x + a.w && b.y + b.h < a.y + a.h;

test("boxes either stand apart or one holds the other, and a node holds none", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const { nodes, groups } = layout(outlines(seed), { live: seed % 2 === 0 });
    const boxes = [...groups, ...nodes];
    boxes.forEach((a, i) => {
      for (const b of boxes.slice(i + 1)) {
        const held = (groups.includes(a) && contains(a, b)) || (groups.includes(b) && contains(b, a));
        assert.ok(held || apart(a, b), `seed ${seed}: ${JSON.stringify([a, b])}`);
      }
    });
  }
});

test("every place inside a nested workflow is drawn inside its box", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const { nodes, groups } = layout(outlines(seed));
    for (const group of groups.filter((found) => found.key)) {
      const below = [...nodes, ...groups].filter((box) => box.key.startsWith(`${group.key}.`));
      assert.ok(below.length > 0);
      for (const box of below) assert.ok(contains(group, box), `seed ${seed}: ${box.key} is not in ${group.key}`);
    }
  }
});

test("conditions stand between their gate and their place, and hide nothing", () => {
  let seen = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const { nodes, edges } = layout(outlines(seed));
    const labels = edges.filter((edge) => edge.label).map((edge) => ({ ...edge, x: edge.x - edge.w / 2, y: edge.y - 10, h: 20 }));
    labels.forEach((label, i) => {
      seen++;
      for (const other of [...nodes, ...labels.slice(i + 1)]) assert.ok(apart(label, other), `seed ${seed}: ${label.label}`);
    });
  }
  assert.ok(seen > 100);
});

test("every number is whole, so that nothing is blurred and Python finds the same", () => {
  const drawn = layout(outlines(7), { live: true });
  for (const box of [...drawn.nodes, ...drawn.groups]) for (const size of [box.x, box.y, box.w, box.h]) assert.ok(Number.isInteger(size));
  for (const edge of drawn.edges) assert.match(edge.d, /^[MLQ\d,]+$/);
});

test("the same outline gives the same picture", () => {
  assert.deepEqual(layout(outlines(3)), layout(outlines(3)));
});

test("two hundred nodes side by side are set in rows", () => {
  const branches = Array.from({ length: 200 }, (_, n) => [{ kind: "step", id: `check-${n}` }]);
  const drawn = layout([{ kind: "parallel", branches }], { live: true });
  assert.equal(drawn.nodes.length, 200);
  assert.ok(drawn.width <= 1600, `${drawn.width} wide`);
  assert.ok(drawn.height <= 4000, `${drawn.height} high`);
});

test("two hundred nodes one after another are one column", () => {
  const drawn = layout(Array.from({ length: 200 }, (_, n) => ({ kind: "step", id: `step-${n}` })));
  assert.ok(drawn.width < 300);
  assert.equal(new Set(drawn.nodes.map((node) => node.x + node.w / 2)).size, 1);
});

test("a collapsed workflow is one node that says how much it holds", () => {
  const nested = { kind: "workflow", id: "inner", graph: [{ kind: "step", id: "a" }, { kind: "step", id: "b" }] };
  const drawn = layout([nested, { kind: "step", id: "last" }], { collapsed: new Set(["inner"]) });
  assert.deepEqual(drawn.nodes.map((node) => [node.key, node.kind, node.detail]), [["inner", "workflow", "2 steps"], ["last", "step", ""]]);
  assert.deepEqual(drawn.groups, []);
});

test("what repeats a place is known, also deep inside", () => {
  const inner = { kind: "workflow", id: "n", graph: [{ kind: "loop", id: "y", until: false, when: "more", body: [{ kind: "step", id: "y" }] }] };
  const drawn = layout([{ kind: "foreach", id: "n", concurrency: 3, body: [inner] }, { kind: "step", id: "z" }]);
  assert.deepEqual(drawn.nodes.map((node) => [node.key, node.many]), [["n.y", "foreach"], ["z", ""]]);
  assert.deepEqual(drawn.groups.map((group) => [group.key, group.label, group.detail]), [["n", "n", "for each, 3 at once"], ["", "repeat", "while more"]]);
});

test("long names are cut, and the whole stays known", () => {
  const id = "a-very-long-name-that-nobody-would-want-to-read";
  const [node] = layout([{ kind: "step", id }]).nodes;
  assert.equal(node.label, "a-very-long-name-that-nob…");
  assert.equal(node.title, id);
});

test("nested workflows and nodes are counted through everything", () => {
  const inner = { kind: "workflow", id: "in", graph: [{ kind: "step", id: "a" }] };
  const outer = { kind: "workflow", id: "out", graph: [{ kind: "parallel", branches: [[inner], [{ kind: "step", id: "b" }]] }] };
  assert.deepEqual(nestedOf([outer]), ["out", "out.in"]);
  assert.equal(countOf([outer, { kind: "map", id: "map@1" }]), 3);
});
