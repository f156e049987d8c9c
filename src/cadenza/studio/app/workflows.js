// Workflows: what is registered, what each consists of, and whether what waits fits today's code.
import { html, useState } from "../vendor/preact.js";
import { useQuery, useSession, useTitle } from "../lib/hooks.js";
import { href } from "../lib/router.js";
import { statusOf } from "../lib/status.js";
import { WorkflowGraph } from "../components/graph.js";
import { Icon } from "../components/icons.js";
import { Copy, Data, Empty, Loading, Problem } from "../components/parts.js";
import { Table } from "./runs.js";

export function WorkflowsView() {
  useTitle("Workflows");
  const session = useSession();
  const { data, error, refetch } = useQuery("workflows");
  return html`<header class="page-head"><div class="grow"><h1>Workflows</h1><p>What this server can run.</p></div></header>
    <${Problem} error=${error} retry=${refetch} />
    ${!data ? (error ? null : html`<${Loading} />`) : data.workflows.length === 0
      ? html`<${Empty} icon="flow" title="No workflow is registered"><p>Give them to the app that is served:</p><pre>app = Cadenza(workflows=[payment])</pre></${Empty}>`
      : html`<ul class="flows">${data.workflows.map((/** @type {any} */ one) => html`<li key=${one.id} class="card flow">
        <div class="flow-text"><h2><a href=${href(["workflows", one.id])}>${one.id}</a></h2><p class="muted">${one.description || `${one.steps} ${one.steps === 1 ? "step" : "steps"}`}</p></div>
        <${Counts} workflow=${one.id} runs=${one.runs} />
        ${session.may("start") ? html`<a class="button" href=${href(["workflows", one.id, "start"])}><${Icon} name="play" />Start</a>` : null}</li>`)}</ul>`}`;
}

/** @param {{workflow: string, runs: Record<string, number>}} props */
function Counts({ workflow, runs }) {
  const found = Object.entries(runs).filter(([, count]) => count);
  return html`<div class="chips small-chips">${found.length === 0 ? html`<span class="muted small">no runs yet</span>` : found.map(([status, count]) => html`<a key=${status} class=${`chip ${statusOf(status).tone}-chip`} href=${href(["runs"], { workflow, status })} title=${statusOf(status).label}>
    <${Icon} name=${statusOf(status).icon} size=${14} /><span class="sr">${statusOf(status).label}</span><span class="num">${count.toLocaleString()}</span></a>`)}</div>`;
}

/** @param {{id: string}} props */
export function WorkflowView({ id }) {
  useTitle(id);
  const session = useSession();
  const path = `workflows/${encodeURIComponent(id)}`;
  const found = useQuery(path, {}, (change) => change.workflow === id);
  const fit = useQuery(`${path}/fit`, {}, () => false);
  const runs = useQuery("runs", { workflow: id, limit: 10 }, (change) => change.workflow === id);
  const [selected, setSelected] = useState(/** @type {string | null} */ (null));
  const workflow = found.data;
  if (found.error?.status === 404) return html`<${Empty} icon="flow" whole title=${`There is no workflow ${id}`}><p><a href="#/workflows">All workflows</a></p></${Empty}>`;
  if (!workflow) return html`<${Problem} error=${found.error} retry=${found.refetch} />${found.error ? null : html`<${Loading} />`}`;
  const step = selected === null ? null : workflow.steps[selected] ?? workflow.steps[selected.split(".").at(-1) ?? ""];
  return html`<header class="page-head"><div class="grow"><p class="crumbs"><a href="#/workflows">Workflows</a></p><h1>${id}</h1>${workflow.description ? html`<p>${workflow.description}</p>` : null}</div>
      <div class="actions"><a class="button" href=${href(["inbox"], { workflow: id })}><${Icon} name="inbox" />${workflow.open} open</a>
        ${session.may("start") ? html`<a class="button main" href=${href(["workflows", id, "start"])}><${Icon} name="play" />Start</a>` : null}</div></header>
    <${Fit} fit=${fit.data} />
    <div class="split"><section class="card graph-card" aria-label="Graph"><${WorkflowGraph} graph=${workflow.graph} records=${[]} selected=${selected} onSelect=${setSelected} /></section>
      <section class="card stack" aria-label="Schemas"><header><h2>${selected ?? "Input and result"}</h2>${selected ? html`<button class="button slim plain" onClick=${() => setSelected(null)}>The whole</button>` : null}</header>
        ${selected && !step ? html`<p class="muted">It only joins other steps.</p>`
          : step ? html`${step.description ? html`<p>${step.description}</p>` : null}<${Schemas} pairs=${[["Input", step.input_schema], ["Output", step.output_schema], ["Question", step.suspend_schema], ["Answer", step.resume_schema]]} />`
          : html`<${Schemas} pairs=${[["Input", workflow.input_schema], ["Result", workflow.result_schema], ["State", workflow.state_schema]]} />`}</section></div>
    <section class="below"><header class="page-head"><h2 class="grow">Latest runs</h2><a href=${href(["runs"], { workflow: id })}>All runs</a></header>
      ${runs.data?.runs.length ? html`<${Table} runs=${runs.data.runs} bare />` : runs.data ? html`<p class="muted">It has not run yet.</p>` : null}</section>`;
}

/** @param {{fit: any}} props */
function Fit({ fit }) {
  if (!fit || fit.fits + fit.held_count === 0) return null;
  if (fit.held_count === 0) return html`<div class="notice green"><${Icon} name="check" /><p>Today's code can continue ${fit.fits === 1 ? "the one question that is open" : `all ${fit.fits} questions that are open`}.</p></div>`;
  return html`<div class="notice red" role="alert"><${Icon} name="lock" /><div class="grow"><p><strong>${fit.held_count} of ${fit.fits + fit.held_count}</strong> do not fit today's code. They are held: nothing is lost, and they go on when fitting code returns.</p>
    <ul class="held">${fit.held.slice(0, 20).map((/** @type {any} */ one) => html`<li key=${one.suspension_id}><a class="mono" href=${href(["runs", one.run_id])}>${one.run_id}</a>${one.step ? ` at ${one.step}` : ""}: ${one.reason}</li>`)}</ul></div></div>`;
}

/** @param {{pairs: [string, any][]}} props */
function Schemas({ pairs }) {
  const found = pairs.filter(([, schema]) => schema);
  if (found.length === 0) return html`<p class="muted">Anything goes: no type is stated.</p>`;
  return html`${found.map(([name, schema]) => html`<div key=${name}><div class="label-row"><h3>${name}</h3><${Copy} text=${JSON.stringify(schema, null, 2)} /></div><${Fields} schema=${schema} /></div>`)}`;
}

/** The fields of a schema, a line each; the schema itself folded below. @param {{schema: any}} props */
function Fields({ schema }) {
  /** @param {any} part @returns {string} */
  const type = (part) => {
    if (part.$ref) return part.$ref.split("/").at(-1);
    if (part.const !== undefined) return JSON.stringify(part.const);
    if (part.enum) return part.enum.map((/** @type {any} */ one) => JSON.stringify(one)).join(" | ");
    if (part.anyOf ?? part.oneOf) return (part.anyOf ?? part.oneOf).map(type).join(" | ");
    if (part.type === "array") return `list of ${part.items ? type(part.items) : "anything"}`;
    return (part.format === "textarea" ? "text" : part.format) ?? part.type ?? "anything";
  };
  const target = schema.$ref ? schema.$defs?.[schema.$ref.split("/").at(-1)] ?? schema : schema;
  const fields = Object.entries(target.properties ?? {});
  return html`${fields.length ? html`<dl class="schema">${fields.map(([name, part]) => html`<div key=${name}><dt class="mono">${name}${target.required?.includes(name) ? "" : html`<span class="muted">?</span>`}</dt><dd><code>${type(part)}</code>${/** @type {any} */ (part).description ? html` <span class="muted small">${/** @type {any} */ (part).description}</span>` : null}</dd></div>`)}</dl>` : html`<p><code>${type(target)}</code></p>`}
    <details class="small"><summary class="muted">JSON Schema</summary><${Data} value=${schema} /></details>`;
}
