// Start a run: a form from the input schema, former inputs to pick from, and the same as a command.
import { html, useMemo, useState } from "../vendor/preact.js";
import { address, post } from "../lib/api.js";
import { go, useQuery, useSend, useTitle } from "../lib/hooks.js";
import { href } from "../lib/router.js";
import { snippets } from "../lib/snippets.js";
import { SchemaForm } from "../components/form.js";
import { Copy, Empty, Loading, Problem } from "../components/parts.js";

/** @param {{id: string, query: Record<string, string>}} props */
export function StartView({ id, query }) {
  useTitle(`Start ${id}`);
  const path = `workflows/${encodeURIComponent(id)}`;
  const found = useQuery(path, {}, () => false);
  const former = useQuery(`${path}/inputs`, { limit: 10 }, () => false);
  const again = useQuery(query.like ? `runs/${encodeURIComponent(query.like)}` : null, {}, () => false);
  const [picked, setPicked] = useState(/** @type {{at: number, input: any} | null} */ (null));
  const [value, setValue] = useState(/** @type {any} */ (undefined));
  const [runId, setRunId] = useState("");
  const [resource, setResource] = useState("");
  const [start, busy, error] = useSend(async (/** @type {any} */ input) => {
    const run = await post(`${path}/runs`, { input, ...(runId ? { run_id: runId } : {}), ...(resource ? { resource_id: resource } : {}) });
    go(["runs", run.run_id]);
  });
  const schema = useMemo(() => found.data?.input_schema ?? null, [Boolean(found.data)]);
  if (found.error?.status === 404) return html`<${Empty} icon="flow" whole title=${`There is no workflow ${id}`}><p><a href="#/workflows">All workflows</a></p></${Empty}>`;
  const error_ = found.error ?? again.error;
  if (!found.data || (query.like && !again.data)) return html`<${Problem} error=${error_} />${error_ ? null : html`<${Loading} />`}`;
  const initial = picked?.input ?? again.data?.input;
  const inputs = former.data?.inputs ?? [];
  return html`<header class="page-head"><div class="grow"><p class="crumbs"><a href="#/workflows">Workflows</a><span>/</span><a href=${href(["workflows", id])}>${id}</a></p><h1>Start ${id}</h1>${found.data.description ? html`<p>${found.data.description}</p>` : null}</div></header>
    <div class="split start"><section class="card" aria-label="Input">
      <${Problem} error=${error && !error.issues?.length ? error : null} />
      <${SchemaForm} key=${picked?.at ?? 0} schema=${schema} initial=${initial} issues=${error?.issues ?? []} busy=${busy} submitLabel="Start the run" onSubmit=${start} onChange=${setValue} />
      <details class="more"><summary>Run id and resource</summary><div class="stack">
        <div class="field"><label for="run-id">Run id</label><input id="run-id" class="mono" value=${runId} placeholder="made by the server" onInput=${(/** @type {any} */ event) => setRunId(event.target.value.trim())} /></div>
        <div class="field"><label for="resource-id">Resource</label><input id="resource-id" value=${resource} placeholder="none" onInput=${(/** @type {any} */ event) => setResource(event.target.value.trim())} /></div></div></details>
    </section>
    <div class="stack">
      ${inputs.length ? html`<section class="card" aria-label="Former inputs"><header><h2>Former inputs</h2></header><ul class="former">${inputs.map((/** @type {any} */ one, /** @type {number} */ at) => html`<li key=${at}><button class="former-one" aria-pressed=${picked?.at === at + 1} onClick=${() => setPicked({ at: at + 1, input: one.input ?? one })}><code>${JSON.stringify(one.input ?? one)}</code></button></li>`)}</ul></section>` : null}
      <${Snippets} id=${id} value=${value ?? initial ?? null} />
    </div></div>`;
}

/** @param {{id: string, value: any}} props */
function Snippets({ id, value }) {
  const [which, setWhich] = useState("curl");
  const made = snippets(address(`workflows/${encodeURIComponent(id)}/runs`).href, id, value);
  return html`<section class="card" aria-label="The same elsewhere"><header><h2>The same elsewhere</h2><${Copy} text=${made[which]} /></header>
    <div class="tabs" role="group" aria-label="Language">${Object.keys(made).map((name) => html`<button key=${name} aria-pressed=${which === name} onClick=${() => setWhich(name)}>${name}</button>`)}</div>
    <pre class="snippet" tabindex="0">${made[which]}</pre></section>`;
}
