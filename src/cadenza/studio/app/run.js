// One run: where it stands and why, what it asks, what each step did, and what can be done with it.
import { html, useEffect, useMemo, useState } from "../vendor/preact.js";
import { post } from "../lib/api.js";
import { go, useNow, useQuery, useSend, useSession, useTitle } from "../lib/hooks.js";
import { href } from "../lib/router.js";
import { ENDED, statusOf } from "../lib/status.js";
import { duration, moment } from "../lib/time.js";
import { scale } from "../lib/timeline.js";
import { SchemaForm } from "../components/form.js";
import { WorkflowGraph } from "../components/graph.js";
import { Icon } from "../components/icons.js";
import { Confirm, Copy, Data, Dialog, Empty, Loading, Markdown, Problem, Status, Time, Took } from "../components/parts.js";
import { Question, keyOf, summary } from "./inbox.js";

const TABS = { graph: "Graph", timeline: "Timeline", data: "Data", answers: "Answers" };

/** @param {{id: string, query: Record<string, string>}} props */
export function RunView({ id, query }) {
  const session = useSession();
  const path = `runs/${encodeURIComponent(id)}`;
  const mine = (/** @type {any} */ change) => change.run_id === id;
  const found = useQuery(path, {}, mine);
  const records = useQuery(`${path}/records`, {}, mine);
  const state = found.data;
  const stands = state && !ENDED.has(state.run.status) && state.run.status !== "running";
  const explained = useQuery(stands ? `${path}/explain` : null, {}, mine);
  const workflow = useQuery(state ? `workflows/${encodeURIComponent(state.run.workflow)}` : null, {}, () => false);
  const tab = query.tab && query.tab in TABS ? query.tab : "graph";
  const asked = useQuery(tab === "answers" ? "inbox" : null, { run_id: id, status: "answered", limit: 200 }, mine);
  const [dialog, setDialog] = useState(/** @type {string | null} */ (null));
  useTitle(state ? `${state.run.workflow} ${id}` : id);
  const selected = query.step ?? null;
  /** @param {Record<string, unknown>} more */
  const here = (more) => href(["runs", id], { ...query, ...more });
  /** @param {string | null} step */
  const select = (step) => go(["runs", id], { ...query, step: step ?? undefined }, true);
  const [cancel, canceling, refused] = useSend(async () => {
    await post(`${path}/cancel`);
    setDialog(null);
    found.refetch();
  });
  const [restart, restarting, unrestarted] = useSend(async () => {
    await post(`${path}/restart`);
    setDialog(null);
    found.refetch();
  });

  if (found.error?.status === 404) return html`<${Empty} icon="search" whole title="There is no such run"><p class="mono">${id}</p><p><a href="#/runs">All runs</a></p></${Empty}>`;
  if (!state) return html`<${Problem} error=${found.error} retry=${found.refetch} />${found.error ? null : html`<${Loading} lines=${6} />`}`;
  const { run } = state;
  const ended = ENDED.has(run.status);
  const rows = records.data?.records ?? [];
  return html`<header class="page-head"><div class="grow">
      <p class="crumbs"><a href="#/runs">Runs</a><span>/</span><a href=${href(["workflows", run.workflow])}>${run.workflow}</a></p>
      <h1 class="run-id"><span class="mono">${id}</span><${Copy} text=${id} label="" /></h1>
      <p class="run-facts"><${Status} status=${run.status} /><span>started <${Time} at=${run.created_at} /></span><span>${ended ? "took" : "for"} <${Took} from=${run.created_at} to=${ended ? run.updated_at : null} /></span>
        ${run.resource_id ? html`<span>for <a href=${href(["runs"], { resource_id: run.resource_id })}>${run.resource_id}</a></span>` : null}
        ${run.trace_id ? html`<${Trace} id=${run.trace_id} url=${session.traceUrl} />` : null}</p></div>
    <div class="actions">
      ${session.may("start") ? html`<a class="button" href=${href(["workflows", run.workflow, "start"], { like: id })}><${Icon} name="redo" />Run again</a>` : null}
      ${["running", "held", "pending"].includes(run.status) && session.may("admin") ? html`<button class="button" onClick=${() => setDialog("restart")}><${Icon} name="redo" />Restart</button>` : null}
      ${!ended && session.may("admin") ? html`<button class="button danger" onClick=${() => setDialog("cancel")}><${Icon} name="stop" />Cancel</button>` : null}</div></header>
    ${state.error ? html`<${RunError} error=${state.error} />` : null}
    ${explained.data && stands ? html`<details class="explain" open=${run.status === "held"}><summary><${Icon} name=${statusOf(run.status).icon} />Why it stands here</summary><pre>${explained.data.text}</pre></details>` : null}
    <${Questions} questions=${state.questions} refetch=${found.refetch} />
    <nav class="tabs" aria-label="Of this run">${Object.entries(TABS).map(([name, label]) => html`<a key=${name} href=${here({ tab: name === "graph" ? undefined : name })} aria-current=${tab === name ? "true" : undefined}>${label}</a>`)}</nav>
    <${Problem} error=${records.error} retry=${records.refetch} />
    ${tab === "data" ? html`<div class="split even"><${Value} title="Input" value=${state.input} /><${Value} title="Result" value=${state.result} none=${ended ? "It has none." : "Not there yet."} />${state.state ? html`<${Value} title="State" value=${state.state} />` : null}</div>`
      : tab === "answers" ? html`<${Answers} answers=${asked.data?.items} />`
      : html`<div class=${`split ${tab === "graph" ? "" : "timeline-split"}`}>
          ${tab === "graph" ? html`<section class="card graph-card" aria-label="Graph">${workflow.data ? html`<${WorkflowGraph} graph=${workflow.data.graph} records=${rows} selected=${selected} onSelect=${select} />` : workflow.error ? html`<p class="muted">The workflow <code>${run.workflow}</code> is not registered here, so its graph is not known.</p>` : html`<${Loading} />`}</section>`
            : html`<section class="card" aria-label="Timeline"><${Timeline} rows=${rows} selected=${selected} onSelect=${select} /></section>`}
          <${Inspector} run=${run} rows=${rows} selected=${selected} select=${select} workflow=${workflow.data} onTravel=${() => setDialog("travel")} /></div>`}
    ${dialog === "cancel" ? html`<${Confirm} title="Cancel this run?" verb="Cancel the run" danger busy=${canceling} error=${refused} onYes=${cancel} onClose=${() => setDialog(null)}><p>Steps that run are told to stop, and open questions are closed. What was done stays done.</p></${Confirm}>` : null}
    ${dialog === "restart" ? html`<${Confirm} title="Restart this run?" verb="Restart" busy=${restarting} error=${unrestarted} onYes=${restart} onClose=${() => setDialog(null)}><p>It goes on behind the last step whose end was kept. Steps that have ended do not run again.</p></${Confirm}>` : null}
    ${dialog === "travel" && selected ? html`<${Travel} path=${path} step=${selected} record=${rows.find((/** @type {any} */ row) => row.path === selected)} workflow=${workflow.data} onDone=${() => (setDialog(null), found.refetch())} onClose=${() => setDialog(null)} />` : null}`;
}

/** @param {{id: string, url: string | null}} props */
function Trace({ id, url }) {
  return url ? html`<a href=${url.replaceAll("{trace_id}", encodeURIComponent(id))} target="_blank" rel="noopener noreferrer"><${Icon} name="out" size=${14} /> Trace</a>` : html`<span>trace <code>${id.slice(0, 8)}…</code><${Copy} text=${id} label="" /></span>`;
}

/** @param {{error: any}} props */
function RunError({ error }) {
  return html`<div class="notice red" role="alert"><${Icon} name="cross" /><div class="grow"><p><strong>${error.name ?? "Failed"}</strong>${error.message ? `: ${error.message}` : ""}</p>
    ${error.trace ? html`<details class="small"><summary>Traceback</summary><pre class="trace">${error.trace}</pre></details>` : null}</div></div>`;
}

/** What the run asks. One question stands open, of several the one that is chosen. @param {{questions: any[], refetch: () => void}} props */
function Questions({ questions, refetch }) {
  const [chosen, setChosen] = useState(/** @type {string | null} */ (null));
  const shown = chosen && questions.some((one) => one.id === chosen) ? chosen : questions.length === 1 ? questions[0].id : null;
  if (questions.length === 0) return null;
  return html`<section class="questions" aria-label="What it asks">
    ${questions.length > 1 ? html`<h2>${questions.length} questions are open</h2><ul class="question-picks">${questions.map((one) => html`<li key=${one.id}><button class="inbox-item" aria-expanded=${shown === one.id} onClick=${() => setChosen(shown === one.id ? null : one.id)}>
      <span class="inbox-top"><span class="inbox-where">${one.step}${keyOf(one) ? html`<span class="muted"> ${keyOf(one)}</span>` : null}</span><span class="muted small"><${Time} at=${one.opened_at} /></span></span><span class="inbox-what">${summary(one)}</span></button></li>`)}</ul>` : null}
    ${shown ? html`<${Question} key=${shown} id=${shown} embedded onAnswered=${() => (setChosen(null), refetch())} />` : null}</section>`;
}

/** @param {{title: string, value: any, none?: string}} props */
function Value({ title, value, none }) {
  const text = JSON.stringify(value, null, 2);
  return html`<section class="card" aria-label=${title}><header><h2>${title}</h2>${value === null || value === undefined ? null : html`<span class="muted small num">${size(text)}</span><${Copy} text=${text} />`}</header>
    ${value === null || value === undefined ? html`<p class="muted">${none ?? "None was given."}</p>` : html`<${Data} value=${value} />`}</section>`;
}

/** @param {string} text */
const size = (text) => (text.length < 1024 ? `${text.length} B` : text.length < 1_048_576 ? `${(text.length / 1024).toFixed(1)} KB` : `${(text.length / 1_048_576).toFixed(1)} MB`);

/** @param {{answers: any[] | undefined}} props */
function Answers({ answers }) {
  if (!answers) return html`<${Loading} />`;
  if (answers.length === 0) return html`<${Empty} icon="person" title="Nobody has answered yet"><p>Who answered what, and when, stands here.</p></${Empty}>`;
  return html`<ol class="stack">${answers.map((one) => html`<li key=${one.id} class="card"><header><h2>${one.step}${keyOf(one) ? ` ${keyOf(one)}` : ""}</h2><span class="muted small">${one.actor ?? "somebody"}${one.via ? `, ${one.via}` : ""}, <time datetime=${one.closed_at}>${moment(one.closed_at)}</time></span></header><p class="muted">${summary(one)}</p><${Data} value=${one.answer} /></li>`)}</ol>`;
}

/** One bar for each place that was reached; waiting is hatched. @param {{rows: any[], selected: string | null, onSelect: (step: string) => void}} props */
function Timeline({ rows, selected, onSelect }) {
  const now = useNow(1000);
  const [all, setAll] = useState(false);
  if (rows.length === 0) return html`<p class="muted">No step has begun.</p>`;
  const shown = all ? rows : rows.slice(0, 200);
  const axis = scale(shown.flatMap((row) => row.spans), now);
  return html`<div class="timeline"><div class="timeline-axis small muted"><span>${moment(new Date(axis.start).toISOString())}</span><span>${duration(axis.end - axis.start)}</span></div>
    ${shown.map((row) => {
      const began = row.spans[0]?.from;
      return html`<button key=${row.path} class="timeline-row" aria-current=${selected === row.path ? "true" : undefined} onClick=${() => onSelect(row.path)}>
        <span class="timeline-name" title=${row.path}><${Status} status=${row.status} short />${row.path}</span>
        <span class="timeline-track">${axis.shortened.map((cut) => html`<i class="timeline-cut" title=${`${duration(cut.ms)}, shortened`} style=${{ left: `${cut.from * 100}%`, width: `${(cut.to - cut.from) * 100}%` }}></i>`)}
          ${row.spans.map((/** @type {any} */ span, /** @type {number} */ at) => {
            const bar = axis.bar(span);
            return html`<i key=${at} class=${`timeline-bar ${span.kind} ${statusOf(row.status).tone}`} style=${{ left: `${bar.left * 100}%`, width: `max(4px, ${bar.width * 100}%)` }} title=${`${KINDS[span.kind] ?? span.kind}: ${duration((span.to ? Date.parse(span.to) : now) - Date.parse(span.from))}`}></i>`;
          })}</span>
        <span class="timeline-time num small muted">${began ? duration((row.ended_at ? Date.parse(row.ended_at) : now) - Date.parse(began)) : ""}</span></button>`;
    })}
    ${rows.length > shown.length ? html`<button class="button slim" onClick=${() => setAll(true)}>Show all ${rows.length}</button>` : null}
    <p class="timeline-legend small muted"><span><i class="timeline-bar run blue"></i>works</span><span><i class="timeline-bar wait amber"></i>waits for a person</span><span><i class="timeline-bar sleep violet"></i>sleeps</span><span><i class="timeline-bar retry red"></i>before a retry</span></p></div>`;
}

const KINDS = /** @type {Record<string, string>} */ ({ run: "works", wait: "waits for a person", sleep: "sleeps", retry: "before a retry" });

/** What one step got and gave. @param {{run: any, rows: any[], selected: string | null, select: (step: string | null) => void, workflow: any, onTravel: () => void}} props */
function Inspector({ run, rows, selected, select, workflow, onTravel }) {
  const session = useSession();
  const steps = useMemo(() => rows.filter((row) => selected && (row.path === selected || plain(row) === selected)), [rows, selected]);
  if (!selected) {
    return html`<section class="card inspector" aria-label="Step"><header><h2>Steps</h2></header>${rows.length === 0 ? html`<p class="muted">No step has begun.</p>` : html`<ul class="step-list">${rows.slice(0, 100).map((row) => html`<li key=${row.path}><button onClick=${() => select(row.path)}><${Status} status=${row.status} short /><span>${row.path}</span>${row.spans[0] ? html`<span class="muted small"><${Took} from=${row.spans[0].from} to=${row.ended_at} /></span>` : null}</button></li>`)}</ul>`}</section>`;
  }
  const row = steps.find((one) => one.path === selected) ?? (steps.length === 1 ? steps[0] : null);
  return html`<section class="card inspector" aria-label="Step"><header><h2>${selected}</h2><button class="button plain icon slim" aria-label="All steps" title="All steps" onClick=${() => select(null)}><${Icon} name="cross" /></button></header>
    ${!row && steps.length > 1 ? html`<ul class="step-list">${steps.map((one) => html`<li key=${one.path}><button onClick=${() => select(one.path)}><${Status} status=${one.status} short /><span>${one.path}</span></button></li>`)}</ul>`
      : !row ? html`<p class="muted">${workflow?.steps[selected]?.description ?? "It was not reached."}</p>`
      : html`<p class="run-facts"><${Status} status=${row.status} />${row.attempts > 1 ? html`<span>attempt ${row.attempts}</span>` : null}${row.started_at ? html`<span><${Time} at=${row.started_at} /></span>` : null}</p>
        ${row.error ? html`<${RunError} error=${row.error} />` : null}
        ${row.actor ? html`<p class="small muted">answered by <strong>${row.actor}</strong></p>` : null}
        ${[["Input", row.input], ["Question", row.question], ["Answer", row.answer], ["Output", row.output]].map(([name, value]) => value === null || value === undefined ? null : html`<div key=${name} class="part"><div class="label-row"><h3>${name}</h3><span class="muted small num">${size(JSON.stringify(value))}</span><${Copy} text=${JSON.stringify(value, null, 2)} label="" /></div><${Data} value=${value} /></div>`)}
        ${session.may("admin") && run.status !== "running" ? html`<button class="button slim" onClick=${onTravel}><${Icon} name="travel" />Time travel to here</button>` : null}`}
  </section>`;
}

/** The path of a record without items and rounds, as the graph names it. @param {{place: (string | number)[]}} row */
const plain = (row) => row.place.filter((part) => typeof part === "string").join(".");

/** Runs on from a step, again, with its input changed. @param {{path: string, step: string, record: any, workflow: any, onDone: () => void, onClose: () => void}} props */
function Travel({ path, step, record, workflow, onDone, onClose }) {
  const names = record ? plain(record) : step;
  const schema = useMemo(() => workflow?.steps[names]?.input_schema ?? null, [names, Boolean(workflow)]);
  const [send, busy, error] = useSend(async (/** @type {any} */ input) => {
    await post(`${path}/time-travel`, { step, input });
    onDone();
  });
  return html`<${Dialog} title=${`Time travel to ${step}`} onClose=${onClose}><p class="muted">The run goes back to this step and on from there. What came before stays as it was; steps from here on run again, and what they do outside is done again.</p>
    <${Problem} error=${error && !error.issues?.length ? error : null} />
    <${SchemaForm} schema=${schema} initial=${record?.input} issues=${error?.issues ?? []} busy=${busy} submitLabel="Go back to here" onSubmit=${send} /></${Dialog}>`;
}
