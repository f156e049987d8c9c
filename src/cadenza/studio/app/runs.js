// The list of runs: chips with counts, filters in the address, pages.
import { html } from "../vendor/preact.js";
import { go, useKeys, useQuery, useTitle } from "../lib/hooks.js";
import { href } from "../lib/router.js";
import { ENDED, RUN_STATUSES, statusOf } from "../lib/status.js";
import { Icon } from "../components/icons.js";
import { Empty, Loading, Pager, Problem, Search, Status, Time, Took } from "../components/parts.js";

const PAGE = 50;
const SINCE = /** @type {const} */ ([["", "Any time"], ["3600", "Last hour"], ["86400", "Last day"], ["604800", "Last week"], ["2592000", "Last 30 days"]]);

/** @param {string | undefined} seconds to the full minute, so that the question stays the same for a while */
const since = (seconds) => (seconds ? new Date(Math.floor(Date.now() / 60_000) * 60_000 - Number(seconds) * 1000).toISOString() : undefined);

/** @param {{query: Record<string, string>}} props */
export function RunsView({ query }) {
  useTitle("Runs");
  const { workflow, id_prefix, resource_id, status } = query;
  const offset = Number(query.offset ?? 0) || 0;
  const within = { workflow, id_prefix, resource_id, created_from: since(query.since) };
  const counts = useQuery("counts", within);
  const workflows = useQuery("workflows", {}, () => false);
  const list = useQuery("runs", { ...within, status, limit: PAGE, offset });
  const runs = list.data?.runs ?? list.former?.runs;
  /** @param {Record<string, unknown>} more */
  const filtered = (more) => href(["runs"], { ...query, offset: undefined, ...more });
  /** @param {number} step */
  const move = (step) => {
    const links = [...document.querySelectorAll(".runs-table tbody a.row-link")];
    const at = links.indexOf(/** @type {Element} */ (document.activeElement));
    /** @type {HTMLElement} */ (links[Math.max(0, Math.min(links.length - 1, at + step))])?.focus();
  };
  useKeys({ j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1), "/": () => document.getElementById("runs-id")?.focus() });
  const told = counts.data?.runs ?? counts.former?.runs ?? {};
  const all = Object.values(told).reduce((/** @type {number} */ sum, count) => sum + Number(count), 0);
  const chips = RUN_STATUSES.filter((one) => told[one] || one === status || ["suspended", "running", "failed", "success"].includes(one));
  const asked = Boolean(workflow || id_prefix || resource_id || status || query.since);
  return html`<header class="page-head"><div class="grow"><h1>Runs</h1><p>All of them, the newest first.</p></div>
      <div class="actions"><a class="button main" href="#/workflows"><${Icon} name="play" />Start a run</a></div></header>
    <nav class="chips" aria-label="Status"><a class="chip" href=${filtered({ status: undefined })} aria-current=${status ? undefined : "true"}>All<span class="num">${all.toLocaleString()}</span></a>
      ${chips.map((one) => html`<a key=${one} class=${`chip ${statusOf(one).tone}-chip`} href=${filtered({ status: one })} aria-current=${status === one ? "true" : undefined}><${Icon} name=${statusOf(one).icon} size=${14} />${statusOf(one).label}<span class="num">${(told[one] ?? 0).toLocaleString()}</span></a>`)}</nav>
    <div class="filters">
      <label class="sr" for="runs-workflow">Workflow</label>
      <select id="runs-workflow" value=${workflow ?? ""} onChange=${(/** @type {any} */ event) => (location.hash = filtered({ workflow: event.target.value }))}>
        <option value="">All workflows</option>${workflows.data?.workflows.map((/** @type {any} */ one) => html`<option key=${one.id} value=${one.id}>${one.id}</option>`)}</select>
      <label class="sr" for="runs-since">Started</label>
      <select id="runs-since" value=${query.since ?? ""} onChange=${(/** @type {any} */ event) => (location.hash = filtered({ since: event.target.value }))}>${SINCE.map(([value, label]) => html`<option key=${value} value=${value}>${label}</option>`)}</select>
      <${Search} id="runs-id" label="Run id begins with" placeholder="Run id begins with…" mono value=${id_prefix} search=${(/** @type {string} */ text) => (location.hash = filtered({ id_prefix: text }))} />
      <${Search} id="runs-resource" label="Resource" value=${resource_id} search=${(/** @type {string} */ text) => (location.hash = filtered({ resource_id: text }))} />
      ${asked ? html`<a class="button plain slim" href="#/runs">Clear</a>` : null}
    </div>
    <${Problem} error=${list.error} retry=${list.refetch} />
    ${!runs ? (list.error ? null : html`<${Loading} lines=${6} />`)
      : runs.length === 0 ? asked
        ? html`<${Empty} icon="search" title="No run fits these filters"><p><a href="#/runs">Show all runs</a></p></${Empty}>`
        : html`<${Empty} icon="runs" title="Nothing has run yet"><p>Start a workflow here, in a program, or in a terminal.</p><pre>cadenza run ${workflows.data?.workflows[0]?.id ?? "WORKFLOW"}</pre><p><a class="button main" href="#/workflows">Choose a workflow</a></p></${Empty}>`
      : html`<${Table} runs=${runs} /><${Pager} total=${list.data?.total ?? runs.length} limit=${PAGE} offset=${offset} what="runs" to=${(/** @type {number} */ at) => href(["runs"], { ...query, offset: at || undefined })} />`}`;
}

/** @param {{runs: any[], bare?: boolean}} props */
export function Table({ runs, bare = false }) {
  return html`<div class="table-box"><table class="runs-table"><thead><tr><th scope="col">Run</th>${bare ? null : html`<th scope="col">Workflow</th>`}<th scope="col">Status</th><th scope="col">Waits at</th><th scope="col">Started</th><th scope="col">For</th></tr></thead>
    <tbody>${runs.map((run) => html`<tr key=${run.run_id} onClick=${(/** @type {any} */ event) => !event.target.closest("a") && !String(getSelection()) && go(["runs", run.run_id])}>
      <td><a class="row-link mono" href=${href(["runs", run.run_id])}>${run.run_id}</a>${run.resource_id ? html`<span class="muted small"> ${run.resource_id}</span>` : null}</td>
      ${bare ? null : html`<td>${run.workflow}</td>`}
      <td><${Status} status=${run.status} /></td>
      <td class="runs-at">${run.waiting_on?.length ? html`${run.waiting_on[0]}${run.waiting_on.length > 1 ? html`<span class="muted"> and ${run.waiting_on.length - 1} more</span>` : null}` : run.wake_at && run.status === "waiting" ? html`<span class="muted">until <${Time} at=${run.wake_at} /></span>` : ""}</td>
      <td><${Time} at=${run.created_at} /></td>
      <td><${Took} from=${run.created_at} to=${ENDED.has(run.status) ? run.updated_at : null} /></td></tr>`)}</tbody></table></div>`;
}
