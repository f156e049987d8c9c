// Mastra's own client against our server: every workflow, and every method that it has for them.
// BASE is the server's URL.

import assert from "node:assert/strict";
import { test } from "node:test";

import { MastraClient } from "@mastra/client-js";

const client = new MastraClient({ baseUrl: process.env.BASE, retries: 0 });

async function begin(id, inputData, more = {}) {
  const run = await client.getWorkflow(id).createRun();
  return { run, result: await run.startAsync({ inputData, ...more }) };
}

async function all(stream) {
  const events = [];
  for await (const event of await stream) events.push(event);
  return events;
}

const told = (events) =>
  events.map(({ type, payload }) => [type.replace("workflow-", ""), payload.id ?? payload.workflowStatus].join(":"));

async function until(run, workflow, ...statuses) {
  const deadline = Date.now() + 5000;
  for (;;) {
    const found = await client.getWorkflow(workflow).runById(run.runId);
    if (statuses.includes(found.status)) return found;
    assert.ok(Date.now() < deadline, `${run.runId} is ${found.status}`);
  }
}

async function refused(promise, status, text) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.status, status, error.message);
    assert.match(JSON.stringify(error.body ?? error.message), text);
    return true;
  });
}

const order = { orderId: "o-1", amount: 90 };
const yes = { approved: true, approver: "ada" };

test("workflows are listed and described", async () => {
  const found = await client.listWorkflows();
  assert.ok(found["order-approval"] && found.keyedEcho);
  const partial = await client.listWorkflows(undefined, true);
  assert.equal(partial["order-approval"].stepCount, 3);
  const details = await client.getWorkflow("order-approval").details();
  assert.deepEqual(Object.keys(details.steps), ["prepare", "approve", "finish"]);
  const schema = await client.getWorkflow("order-approval").getSchema();
  assert.deepEqual(Object.keys(schema.inputSchema.properties), ["orderId", "amount"]);
  const counts = await client.listWorkflowRunCounts();
  assert.equal(typeof counts["order-approval"].suspended, "number");
});

test("order-approval: startAsync, resumeAsync", async () => {
  const { run, result } = await begin("order-approval", order);
  assert.equal(result.status, "suspended");
  assert.deepEqual(result.suspended, [["approve"]]);
  assert.deepEqual(result.suspendPayload, { approve: { reason: "needs approval", total: 100 } });
  const done = await run.resumeAsync({ step: "approve", resumeData: yes });
  assert.deepEqual(done.result, { orderId: "o-1", status: "confirmed", total: 100, approvedBy: "ada" });
});

test("order-approval: start, resume and resumeNoWait answer at once", async () => {
  for (const method of ["resume", "resumeNoWait"]) {
    const run = await client.getWorkflow("order-approval").createRun();
    assert.deepEqual(await run.start({ inputData: order }), { message: "Workflow run started" });
    await until(run, "order-approval", "suspended");
    await run[method]({ step: "approve", resumeData: yes });
    const found = await until(run, "order-approval", "success");
    assert.equal(found.result.approvedBy, "ada");
  }
});

test("order-approval: stream, resumeStream, observe, observeStream", async () => {
  const run = await client.getWorkflow("order-approval").createRun();
  const first = ["start:", "step-start:prepare", "step-result:prepare", "step-start:approve", "step-suspended:approve", "finish:suspended"];
  const second = ["start:", "step-start:approve", "step-result:approve", "step-start:finish", "step-result:finish", "finish:success"];
  assert.deepEqual(told(await all(run.stream({ inputData: order }))), first);
  assert.deepEqual(told(await all(run.resumeStream({ step: "approve", resumeData: yes }))), second);
  assert.deepEqual(told(await all(run.observe())), [...first, ...second]);
  assert.deepEqual(told(await all(run.observe({ offset: 6 }))), second);
  assert.deepEqual(told(await all(run.observeStream())), [...first, ...second]);
});

test("a stream with closeOnSuspend: false goes on with later resumes", async () => {
  const run = await client.getWorkflow("order-approval").createRun();
  const events = all(run.stream({ inputData: order, closeOnSuspend: false }));
  await until(run, "order-approval", "suspended");
  await run.resumeAsync({ step: "approve", resumeData: yes });
  assert.deepEqual(told(await events).slice(-2), ["step-result:finish", "finish:success"]);
});

test("a client that goes away stops no run, and a late one gets the whole history once", async () => {
  const run = await client.getWorkflow("slow").createRun();
  const stream = await run.stream({ inputData: { ms: 400 } });
  const reader = stream.getReader();
  await reader.read();
  await reader.cancel();
  const events = told(await all(run.observe()));
  const expected = ["start:", "step-start:wait", "step-result:wait", "step-start:after", "step-result:after", "finish:success"];
  assert.deepEqual(events, expected);
});

test("parallel-review: one after the other; the stream says that one is still open", async () => {
  const { run, result } = await begin("parallel-review", { doc: "d" });
  assert.deepEqual(result.suspended.toSorted?.() ?? [...result.suspended].sort(), [["finance"], ["legal"]]);
  await refused(run.resumeAsync({ resumeData: { ok: true } }), 500, /Multiple suspended steps/);
  const events = await all(run.resumeStream({ step: "legal", resumeData: { ok: true } }));
  assert.equal(told(events).at(-1), "finish:suspended");
  const done = await run.resumeAsync({ step: "finance", resumeData: { ok: true } });
  assert.deepEqual(done.result, { approved: true });
});

test("nested-parent: resumed by path, dotted and by the outer id", async () => {
  for (const step of [["nested-inner", "ask"], "nested-inner.ask", "nested-inner", undefined]) {
    const { run, result } = await begin("nested-parent", { name: "joe" });
    assert.deepEqual(result.suspended, [["nested-inner", "ask"]]);
    const found = await client.getWorkflow("nested-parent").runById(run.runId);
    assert.equal(found.steps["nested-inner.ask"].status, "suspended");
    const done = await run.resumeAsync({ step, resumeData: { answer: "hi" } });
    assert.deepEqual(done.result, { summary: "JOE:hi:true" });
  }
});

test("foreach-approval: by index, then all at once", async () => {
  const { run, result } = await begin("foreach-approval", { items: ["a", "b", "c"] });
  assert.deepEqual(result.suspended, [["approve-item"]]);
  const one = await run.resumeAsync({ step: "approve-item", resumeData: { approved: false }, forEachIndex: 1 });
  assert.equal(one.status, "suspended");
  const done = await run.resumeAsync({ step: "approve-item", resumeData: { approved: true } });
  assert.deepEqual(done.result, { results: ["a=true", "b=false", "c=true"] });
});

test("foreach-serial: one after the other", async () => {
  const { run } = await begin("foreach-serial", { items: ["a", "b"] });
  assert.equal((await run.resumeAsync({ step: "approve-item", resumeData: { approved: true } })).status, "suspended");
  const done = await run.resumeAsync({ step: "approve-item", resumeData: { approved: false } });
  assert.deepEqual(done.result, { results: ["a=true", "b=false"] });
});

test("control-flow, writer-events, bail-out, retrying, context-echo, keyedEcho", async () => {
  assert.deepEqual((await begin("control-flow", { value: 3 })).result.result, { total: 534 });
  assert.deepEqual((await begin("control-flow", { value: 12 })).result.result, { total: 1703030 });
  assert.deepEqual((await begin("bail-out", { bail: true })).result.result, { via: "bail" });
  assert.deepEqual((await begin("bail-out", { bail: false })).result.result, { via: "step+tail" });
  assert.deepEqual((await begin("retrying", { failTimes: 1 })).result.result, { attempts: 2 });
  assert.equal((await begin("retrying", { failTimes: 5 })).result.error.message, "flaky 2");
  const echoed = await begin("context-echo", {}, { requestContext: { tenant: "acme" } });
  assert.deepEqual(echoed.result.result, { tenant: "acme" });
  assert.deepEqual((await begin("keyedEcho", { x: "é\u001e😀" })).result.result, { x: "é\u001e😀" });
  const run = await client.getWorkflow("writer-events").createRun();
  const outputs = (await all(run.stream({ inputData: { n: 2 } }))).filter(({ from }) => from === "USER");
  assert.deepEqual(outputs.map(({ payload }) => payload.output.text), ["é-1", "é-2"]);
});

test("failing: a step that throws is an outcome", async () => {
  const { result } = await begin("failing", { reason: "x" });
  assert.equal(result.status, "failed");
  assert.equal(result.error.message, "boom: x");
});

test("stateful, multi-suspend", async () => {
  const { run, result } = await begin("stateful", { by: 3 }, { initialState: { count: 1, log: [] } });
  assert.deepEqual(result.suspendPayload, { pause: { count: 4 } });
  const done = await run.resumeAsync({ step: "pause", resumeData: { go: true } });
  assert.deepEqual(done.result, { count: 8, log: ["bump", "pause"] });
  const twice = await begin("multi-suspend", { topic: "t" });
  const second = await twice.run.resumeAsync({ step: "ask-twice", resumeData: { answer: "one" } });
  assert.deepEqual(second.suspendPayload, { "ask-twice": { ask: "second", first: "one" } });
  const end = await twice.run.resumeAsync({ step: "ask-twice", resumeData: { answer: "two" } });
  assert.deepEqual(end.result, { answers: ["one", "two"] });
});

test("slow: cancel and cancelRun; a run that has ended stays as it is", async () => {
  for (const method of ["cancel", "cancelRun"]) {
    const run = await client.getWorkflow("slow").createRun();
    await run.start({ inputData: { ms: 30000 } });
    await until(run, "slow", "running");
    assert.deepEqual(await run[method](), { message: "Workflow run cancelled" });
    await until(run, "slow", "canceled");
  }
  const { run } = await begin("keyedEcho", { x: "1" });
  await run.cancel();
  assert.equal((await client.getWorkflow("keyedEcho").runById(run.runId)).status, "success");
});

test("time travel: timeTravelAsync, timeTravelStream, timeTravel", async () => {
  const { run } = await begin("order-approval", order);
  await run.resumeAsync({ step: "approve", resumeData: yes });
  const input = { orderId: "t", total: 7, approved: false, approver: "tt" };
  const travelled = await run.timeTravelAsync({ step: "finish", inputData: input });
  assert.deepEqual(travelled.result, { orderId: "t", status: "rejected", total: 7, approvedBy: "tt" });
  const events = told(await all(run.timeTravelStream({ step: "finish", inputData: input })));
  assert.deepEqual(events, ["start:", "step-start:finish", "step-result:finish", "finish:success"]);
  await run.timeTravel({ step: "approve" });
  await until(run, "order-approval", "suspended");
  await refused(run.timeTravelAsync({ step: "ghost" }), 500, /Cannot time travel to step 'ghost'/);
});

test("restart and restartAsync of a run that is not active", async () => {
  const { run } = await begin("order-approval", order);
  await refused(run.restartAsync(), 500, /This workflow run was not active/);
  assert.deepEqual(await run.restart({}), { message: "Workflow run restarted" });
});

test("runs: pages, filters, deletion", async () => {
  const workflow = client.getWorkflow("keyedEcho");
  const run = await workflow.createRun({ resourceId: "res-1" });
  await run.startAsync({ inputData: { x: "y" } });
  const found = await workflow.runs({ perPage: 1, page: 0, resourceId: "res-1" });
  assert.equal(found.total, 1);
  assert.equal(found.runs[0].runId, run.runId);
  assert.equal(found.runs[0].snapshot.context.input.x, "y");
  const some = await workflow.runById(run.runId, { fields: ["result"], withNestedWorkflows: false });
  assert.deepEqual(some.result, { x: "y" });
  assert.equal(some.steps, undefined);
  assert.deepEqual(await workflow.deleteRunById(run.runId), { message: "Workflow run deleted" });
  await refused(workflow.runById(run.runId), 404, /Workflow run not found/);
});

test("createRun with the id of a run gives that run", async () => {
  const { run } = await begin("order-approval", order);
  const again = await client.getWorkflow("order-approval").createRun({ runId: run.runId });
  assert.equal(again.runId, run.runId);
  assert.equal((await again.resumeAsync({ resumeData: yes })).status, "success");
});

test("errors: what is refused, how, and that the run is as it was", async () => {
  await refused(client.getWorkflow("nope").details(), 404, /Workflow not found/);
  await refused(client.getWorkflow("order-approval").runById("ghost"), 404, /Workflow run not found/);
  const { run } = await begin("order-approval", order);
  await refused(run.resumeAsync({ step: "finish", resumeData: yes }), 500, /\\?"finish\\?.*was not suspended/);
  await refused(run.resumeAsync({ step: "approve", resumeData: { approved: "x" } }), 400, /Invalid resume data/);
  await refused(run.startAsync({ inputData: order }), 409, /already finished/);
  const events = await all(run.resumeStream({ step: "finish", resumeData: yes }));
  assert.deepEqual(told(events), ["start:", "finish:failed"]);
  assert.equal((await client.getWorkflow("order-approval").runById(run.runId)).status, "suspended");
  await run.resumeAsync({ resumeData: yes });
  await refused(run.resumeAsync({ step: "approve", resumeData: yes }), 500, /This workflow run was not suspended/);
  const other = await client.getWorkflow("order-approval").createRun();
  await refused(other.startAsync({ inputData: { orderId: 5 } }), 400, /Invalid input data/);
});

test("two answers at once: one is taken", async () => {
  const { run } = await begin("order-approval", order);
  const answers = ["a", "b"].map((approver) => run.resumeAsync({ step: "approve", resumeData: { approved: true, approver } }));
  const found = await Promise.allSettled(answers);
  assert.deepEqual(found.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  assert.ok([409, 500].includes(found.find(({ status }) => status === "rejected").reason.status));
});
