// One call of Mastra's client: node call.mjs BASE WORKFLOW RUN METHOD ARGUMENTS; prints what it gives, as JSON.

import { MastraClient } from "@mastra/client-js";

const [baseUrl, workflow, runId, method, given] = process.argv.slice(2);
const run = await new MastraClient({ baseUrl, retries: 0 }).getWorkflow(workflow).createRun({ runId });
let found = await run[method](JSON.parse(given));
if (found instanceof ReadableStream) {
  const events = [];
  for await (const event of found) events.push(event);
  found = events;
}
console.log(JSON.stringify(found));
