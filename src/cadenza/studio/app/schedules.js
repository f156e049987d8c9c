// Schedules: workflows that start by the clock.
import { html } from "../vendor/preact.js";
import { post } from "../lib/api.js";
import { useQuery, useSend, useSession, useTitle } from "../lib/hooks.js";
import { href } from "../lib/router.js";
import { Icon } from "../components/icons.js";
import { Data, Empty, Loading, Problem, Status, Time } from "../components/parts.js";

/** @param {{id?: string}} props */
export function SchedulesView({ id }) {
  return id ? html`<${One} key=${id} id=${id} />` : html`<${All} />`;
}

function All() {
  useTitle("Schedules");
  const { data, error, refetch } = useQuery("schedules");
  return html`<header class="page-head"><div class="grow"><h1>Schedules</h1><p>Workflows that start by the clock.</p></div></header>
    <${Problem} error=${error} retry=${refetch} />
    ${!data ? (error ? null : html`<${Loading} />`) : data.schedules.length === 0
      ? html`<${Empty} icon="clock" title="No schedules"><p>A workflow can start by the clock, once for each time, however many servers there are:</p><pre>await app.schedules.create(
    report, cron="0 9 * * 1", timezone="Europe/Berlin"
)</pre></${Empty}>`
      : html`<div class="table-box"><table><thead><tr><th scope="col">Schedule</th><th scope="col">Workflow</th><th scope="col">When</th><th scope="col">Next</th><th scope="col">Last</th><th scope="col">Status</th><th scope="col"><span class="sr">Actions</span></th></tr></thead>
        <tbody>${data.schedules.map((/** @type {any} */ one) => html`<tr key=${one.id}><td><a href=${href(["schedules", one.id])} class="mono">${one.id}</a></td><td>${one.workflow}</td><td><code>${one.cron}</code>${one.timezone ? html` <span class="muted small">${one.timezone}</span>` : null}</td>
          <td>${one.status === "paused" ? "" : html`<${Time} at=${one.next_at} />`}</td><td>${one.last_run_id ? html`<a href=${href(["runs", one.last_run_id])}><${Time} at=${one.last_at} /></a>` : null}</td><td><${Status} status=${one.status} /></td><td class="actions"><${Actions} schedule=${one} refetch=${refetch} /></td></tr>`)}</tbody></table></div>`}`;
}

/** @param {{schedule: any, refetch: () => void}} props */
function Actions({ schedule, refetch }) {
  const session = useSession();
  const [act, busy, error] = useSend(async (/** @type {string} */ what) => {
    await post(`schedules/${encodeURIComponent(schedule.id)}/${what}`);
    refetch();
  });
  const paused = schedule.status === "paused";
  return html`${session.may("admin") ? html`<button class="button slim" disabled=${busy} onClick=${() => act(paused ? "resume" : "pause")}><${Icon} name=${paused ? "play" : "pause"} size=${14} />${paused ? "Resume" : "Pause"}<span class="sr"> ${schedule.id}</span></button>` : null}
    ${session.may("start") ? html`<button class="button slim" disabled=${busy} onClick=${() => act("run")}>Run now<span class="sr"> ${schedule.id}</span></button>` : null}${error ? html`<span class="red small" role="alert">${error.message}</span>` : null}`;
}

/** @param {{id: string}} props */
function One({ id }) {
  useTitle(id);
  const { data, error, refetch } = useQuery(`schedules/${encodeURIComponent(id)}`);
  if (error?.status === 404) return html`<${Empty} icon="clock" whole title=${`There is no schedule ${id}`}><p><a href="#/schedules">All schedules</a></p></${Empty}>`;
  if (!data) return html`<${Problem} error=${error} retry=${refetch} />${error ? null : html`<${Loading} />`}`;
  const { schedule: one, fires } = data;
  return html`<header class="page-head"><div class="grow"><p class="crumbs"><a href="#/schedules">Schedules</a></p><h1 class="mono">${id}</h1><p class="run-facts"><${Status} status=${one.status} /><code>${one.cron}</code><span>${one.timezone ?? "UTC"}</span><span>starts <a href=${href(["workflows", one.workflow])}>${one.workflow}</a></span></p></div>
      <div class="actions"><${Actions} schedule=${one} refetch=${refetch} /></div></header>
    <div class="split"><section class="card" aria-label="History"><header><h2>History</h2></header>
      ${fires.length === 0 ? html`<p class="muted">It has not started anything yet.</p>` : html`<table><thead><tr><th scope="col">Due</th><th scope="col">Run</th><th scope="col">Outcome</th></tr></thead><tbody>${fires.map((/** @type {any} */ fire) => html`<tr key=${fire.run_id}><td><${Time} at=${fire.scheduled_at} absolute />${fire.kind === "manual" ? html` <span class="muted small">by hand</span>` : null}</td><td>${fire.run_id ? html`<a class="mono" href=${href(["runs", fire.run_id])}>${fire.run_id}</a>` : ""}</td><td>${fire.status ? html`<${Status} status=${fire.status} />` : null}${fire.error ? html` <span class="red small">${fire.error}</span>` : null}</td></tr>`)}</tbody></table>`}</section>
      <section class="card" aria-label="Input"><header><h2>Input</h2></header>${one.input === null || one.input === undefined ? html`<p class="muted">None.</p>` : html`<${Data} value=${one.input} />`}</section></div>`;
}
