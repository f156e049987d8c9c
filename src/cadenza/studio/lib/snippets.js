// A start as a command, for curl, Python and JavaScript.

/** @param {string} url @param {string} workflow @param {any} input @returns {Record<string, string>} */
export function snippets(url, workflow, input) {
  const body = JSON.stringify({ input });
  return {
    curl: `curl -X POST ${shell(url)} \\\n  -H 'content-type: application/json' \\\n  -d ${shell(body)}`,
    Python: `run = await app.workflow(${JSON.stringify(workflow)}).create_run()\nresult = await run.start(input_data=${python(input)})`,
    JavaScript: `await fetch(${JSON.stringify(url)}, {\n  method: "POST",\n  headers: { "content-type": "application/json" },\n  body: JSON.stringify(${JSON.stringify({ input }, null, 2).replaceAll("\n", "\n  ")}),\n});`,
  };
}

/** @param {string} text */
export const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** A value as Python writes it. @param {any} value @returns {string} */
export function python(value) {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([key, inner]) => `${JSON.stringify(key)}: ${python(inner)}`).join(", ")}}`;
  return JSON.stringify(value);
}
