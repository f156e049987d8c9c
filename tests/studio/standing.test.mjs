import assert from "node:assert/strict";
import { test } from "node:test";
import { layout } from "../../src/cadenza/studio/lib/layout.js";
import { byPlace, sleepsOf, standing, untaken } from "../../src/cadenza/studio/lib/standing.js";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const at = (seconds) => new Date(NOW + seconds * 1000).toISOString();
const step = (id) => ({ kind: "step", id });

/** How the place *key* of *items* stands. */
function stands(items, key, visits, seconds) {
  const { nodes, groups } = layout(items, { live: true });
  const node = [...groups, ...nodes].find((place) => place.key === key);
  return standing(node, byPlace(visits).get(key) ?? [], NOW, seconds);
}

test("a place that was not reached is pending, and says what it is for", () => {
  assert.deepEqual(stands([{ kind: "sleep", id: "s", seconds: 90 }], "s", []), { status: "pending", text: "pause of 1 min 30 s" });
});

test("a step says how it stands", () => {
  const told = (visit) => stands([step("a")], "a", [{ path: "a", ...visit }]).text;
  assert.equal(told({ status: "running" }), "running");
  assert.equal(told({ status: "running", attempts: 2 }), "attempt 2");
  assert.equal(told({ status: "running", attempts: 2, spans: [{ kind: "retry", from: at(-1), to: at(30) }] }), "attempt 2 in 30 s");
  assert.equal(told({ status: "running", attempts: 2, spans: [{ kind: "retry", from: at(-9), to: at(-5) }] }), "attempt 2");
  assert.equal(told({ status: "suspended" }), "waits for an answer");
  assert.equal(told({ status: "success", started_at: at(-65), ended_at: at(0) }), "done in 1 min 5 s");
  assert.equal(told({ status: "success", started_at: at(0), ended_at: at(0.004) }), "done");
  assert.equal(told({ status: "failed", attempts: 3 }), "failed, 3 attempts");
  assert.equal(told({ status: "canceled" }), "canceled");
});

test("a wait for an event is no wait for an answer", () => {
  assert.equal(stands([{ kind: "event", id: "e", event: "paid" }], "e", [{ path: "e", status: "suspended" }]).text, "waits for an event");
});

test("a sleep counts down, from its length or to the moment that is told", () => {
  const sleep = [{ kind: "sleep", id: "s", seconds: 60 }];
  const visit = { path: "s", status: "waiting", started_at: at(-20) };
  assert.deepEqual(stands(sleep, "s", [visit], 60), { status: "waiting", text: "wakes in 40 s", ticks: true });
  assert.equal(stands(sleep, "s", [{ ...visit, wake_at: at(7200) }], 60).text, "wakes in 2 h");
  assert.equal(stands(sleep, "s", [visit]).text, "asleep");
  assert.deepEqual(stands(sleep, "s", [{ ...visit, started_at: at(-61) }], 60), { status: "waiting", text: "wakes now" });
});

test("the items of a foreach are counted by status, the loudest speaks", () => {
  const each = [{ kind: "foreach", id: "a", concurrency: 3, body: [step("a")] }];
  const items = ["success", "success", "success", "suspended"].map((status, n) => ({ path: `a[${n}]`, place: "a", status }));
  const around = { path: "a", place: "a", status: "suspended", input: [1, 2, 3, 4, 5] };
  assert.deepEqual(stands(each, "a", [around, ...items]), { status: "suspended", text: "3 of 5 done, 1 waiting" });
  assert.deepEqual(stands(each, "a", items.slice(0, 3)), { status: "success", text: "3 done" });
  assert.deepEqual(stands(each, "a", [around, ...items.slice(0, 3)]), { status: "running", text: "3 of 5 done" });
});

test("steps inside the items of a foreach are counted too, and so are the items on its frame", () => {
  const each = [{ kind: "foreach", id: "n", concurrency: 2, body: [{ kind: "workflow", id: "n", graph: [step("y")] }] }];
  const visits = [
    { path: "n", status: "running", input: [1, 2] },
    { path: "n[0]", status: "success" }, { path: "n[0].y", status: "success" },
    { path: "n[1]", status: "running" }, { path: "n[1].y", status: "failed" },
  ];
  assert.deepEqual(stands(each, "n", visits), { status: "running", text: "1 of 2 done, 1 running" });
  assert.deepEqual(stands(each, "n.y", visits), { status: "failed", text: "1 of 2 done, 1 failed" });
});

test("a loop tells of its last round, also after the ninth", () => {
  const loop = [{ kind: "loop", id: "a", until: true, when: "ok", body: [step("a")] }];
  const visits = Array.from({ length: 11 }, (_, n) => ({ path: `a[${n}]`, status: n < 10 ? "success" : "suspended" }));
  assert.deepEqual(stands(loop, "a", visits.slice(0, 1)), { status: "success", text: "done" });
  assert.deepEqual(stands(loop, "a", visits.reverse()), { status: "suspended", text: "round 11, waits for an answer" });
});

test("the ways that a branch did not take are known once another was", () => {
  const branch = [{ kind: "branch", branches: [{ when: "x", nodes: [step("a")] }, { when: "y", nodes: [step("b")] }] }];
  const { groups } = layout(branch);
  assert.deepEqual(untaken(groups, byPlace([])), []);
  assert.deepEqual(untaken(groups, byPlace([{ path: "b", status: "running" }])), ["a"]);
});

test("sleeps are found wherever they stand", () => {
  const sleep = { kind: "sleep", id: "s", seconds: 5 };
  const items = [{ kind: "workflow", id: "n", graph: [{ kind: "parallel", branches: [[sleep]] }] }, { kind: "branch", branches: [{ when: "x", nodes: [{ ...sleep, id: "t" }] }] }];
  assert.deepEqual([...sleepsOf(items)], [["n.s", 5], ["t", 5]]);
});
