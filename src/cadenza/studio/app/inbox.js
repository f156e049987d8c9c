// The inbox: what waits for people, over all runs; one question at a time beside the list.
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { post } from "../lib/api.js";
import { go, useKeys, useNow, useQuery, useSend, useSession, useTitle } from "../lib/hooks.js";
import { href } from "../lib/router.js";
import { duration, moment } from "../lib/time.js";
import { SchemaForm } from "../components/form.js";
import { Icon } from "../components/icons.js";
import { Confirm, Copy, Data, Empty, Facts, Loading, Pager, Problem, Search, Status, Time } from "../components/parts.js";

const PAGE = 50;
const TABS = ["open", "answered", "expired", "canceled"];

/** @param {{id?: string, query: Record<string, string>}} props */
export function InboxView({ id, query }) {
  useTitle("Inbox");
  const session = useSession();
  const { workflow, label, older_than, mine } = query;
  const status = query.status ?? "open";
  const offset = Number(query.offset ?? 0) || 0;
  const workflows = useQuery("workflows", {}, () => false);
  const list = useQuery("inbox", { status, workflow, label, older_than, assignee: mine && session.name ? session.name : undefined, limit: PAGE, offset });
  const items = list.data?.items ?? list.former?.items;
  const [taken, setTaken] = useState(/** @type {any} */ (null));
  const [wide, setWide] = useState(() => matchMedia("(min-width: 1000px)").matches);
  useEffect(() => {
    const query = matchMedia("(min-width: 1000px)");
    const changed = () => setWide(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);

  /** @param {Record<string, unknown>} more */
  const filtered = (more) => href(["inbox"], { ...query, offset: undefined, ...more });
  // Where there is room, the first question stands open by itself.
  const shown = id ?? (wide ? items?.[0]?.id : undefined);
  const index = items?.findIndex((/** @type {any} */ item) => item.id === shown) ?? -1;
  /** @param {number} step */
  const move = (step) => {
    const next = items?.[index < 0 ? 0 : index + step];
    if (next) go(["inbox", next.id], query, Boolean(id));
  };
  useKeys({ j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1), "/": () => document.getElementById("inbox-label")?.focus() });
  useEffect(() => {
    document.querySelector(".inbox-list [aria-current]")?.scrollIntoView({ block: "nearest" });
  }, [shown]);

  /** The next question comes by itself; what became of this one is said above it. @param {any} question @param {any} answer */
  const onAnswered = (question, answer) => {
    setTaken({ question, answer });
    const next = items?.[index + 1] ?? items?.[index - 1];
    if (next && next.id !== question.id) go(["inbox", next.id], query, true);
    else go(["inbox"], query, true);
    list.refetch();
  };

  const filters = html`<div class="filters">
    <nav class="tabs" aria-label="Questions that are">${TABS.map((tab) => html`<a key=${tab} href=${filtered({ status: tab === "open" ? undefined : tab })} aria-current=${status === tab ? "true" : undefined}>${tab === "open" ? "Open" : tab[0].toUpperCase() + tab.slice(1)}</a>`)}</nav>
    <label class="sr" for="inbox-workflow">Workflow</label>
    <select id="inbox-workflow" value=${workflow ?? ""} onChange=${(/** @type {any} */ event) => (location.hash = filtered({ workflow: event.target.value }))}>
      <option value="">All workflows</option>${workflows.data?.workflows.map((/** @type {any} */ one) => html`<option key=${one.id} value=${one.id}>${one.id}</option>`)}</select>
    <label class="sr" for="inbox-age">Waiting for longer than</label>
    <select id="inbox-age" value=${older_than ?? ""} onChange=${(/** @type {any} */ event) => (location.hash = filtered({ older_than: event.target.value }))}>
      <option value="">Any age</option><option value="1h">Over an hour</option><option value="1d">Over a day</option><option value="7d">Over a week</option><option value="30d">Over 30 days</option></select>
    <${Search} id="inbox-label" label="Label" value=${label} search=${(/** @type {string} */ text) => (location.hash = filtered({ label: text }))} />
    ${session.name ? html`<label class="check"><input type="checkbox" checked=${Boolean(mine)} onChange=${(/** @type {any} */ event) => (location.hash = filtered({ mine: event.target.checked ? 1 : undefined }))} />For me</label>` : null}
  </div>`;
  const asked = Boolean(workflow || label || older_than || mine);
  return html`<header class="page-head"><div class="grow"><h1>Inbox</h1><p>What waits for a person, the oldest first.</p></div></header>
    ${filters}<${Problem} error=${list.error} retry=${list.refetch} />
    ${taken ? html`<div class="notice green" role="status"><${Icon} name="check" /><p class="grow">Your answer to <strong>${taken.question.step}</strong> of ${taken.question.workflow} was taken. <a href=${href(["runs", taken.question.run_id])}>See the run</a></p>
      <button class="button plain icon slim" aria-label="Close" onClick=${() => setTaken(null)}><${Icon} name="cross" /></button></div>` : null}
    ${!items ? (list.error ? null : html`<${Loading} />`)
      : items.length === 0 && !id ? html`<${Nothing} status=${status} filtered=${asked} all=${href(["inbox"])} />`
      : html`<div class=${`inbox ${id ? "has-one" : ""}`}>
        <section class="inbox-side" aria-label="Questions"><ol class="inbox-list">${items.map((/** @type {any} */ item) => html`<${Item} key=${item.id} item=${item} current=${item.id === shown} to=${href(["inbox", item.id], query)} />`)}</ol>
          <${Pager} total=${list.data?.total ?? items.length} limit=${PAGE} offset=${offset} what="questions" to=${(/** @type {number} */ at) => href(["inbox"], { ...query, offset: at || undefined })} /></section>
        <section class="inbox-one" aria-label="Question">${shown ? html`<${Question} key=${shown} id=${shown} index=${index} count=${items.length} onMove=${move} onAnswered=${onAnswered} back=${href(["inbox"], query)} />` : null}</section>
      </div>`}`;
}

/** @param {{status: string, filtered: boolean, all: string}} props */
function Nothing({ status, filtered, all }) {
  if (filtered) return html`<${Empty} icon="search" title="Nothing fits these filters"><p><a href=${all}>Show all that waits</a></p></${Empty}>`;
  if (status !== "open") return html`<${Empty} icon="inbox" title="None yet"><p>Questions that were ${status} stand here, with who did it and when.</p></${Empty}>`;
  return html`<${Empty} icon="hold" title="Nobody is waited for">
    <p>When a step asks a person, its question stands here until it is answered.</p>
    <pre>answer = await ctx.ask(Review, question="Pay 420 EUR?")</pre>
    <p><a class="button main" href="#/workflows">Start a workflow</a></p></${Empty}>`;
}

/** One line that says what is asked. @param {any} question @returns {string} */
export function summary(question) {
  const asked = question.question;
  if (typeof asked === "string") return unmarked(asked);
  if (asked && typeof asked === "object" && !Array.isArray(asked)) {
    const named = asked.title ?? asked.question ?? asked.summary ?? asked.reason;
    if (typeof named === "string") return unmarked(named);
    return Object.entries(asked).filter(([, value]) => value !== null && typeof value !== "object").slice(0, 3).map(([key, value]) => `${key}: ${value}`).join(" · ");
  }
  return asked === null || asked === undefined ? `${question.step} waits for an answer` : JSON.stringify(asked);
}

/** Without the marks of Markdown. @param {string} text */
const unmarked = (text) => text.replaceAll(/\[([^\]\n]+)\]\([^)\s]+\)/g, "$1").replaceAll(/[*_`]+|^\s*[#>]+/gm, "").trim();

/** The key of a question, where it says more than the type of its answer does. @param {any} question @returns {string | null} */
export const keyOf = (question) => (question.key && question.key !== question.answer_schema?.title && !/^[a-z]+$/.test(question.key) ? question.key : null);

/** @param {{item: any, current: boolean, to: string}} props */
function Item({ item, current, to }) {
  return html`<li><a href=${to} class="inbox-item" aria-current=${current ? "true" : undefined}>
    <span class="inbox-top"><span class="inbox-where">${item.workflow}<span class="muted"> / ${item.step}</span></span><span class="muted small"><${Time} at=${item.opened_at} /></span></span>
    <span class="inbox-what">${summary(item)}</span>
    <span class="inbox-tags">${item.deadline && item.state === "open" ? html`<${Deadline} at=${item.deadline} />` : null}
      ${item.claimed_by ? html`<span class="tag"><${Icon} name="person" size=${12} />${item.claimed_by}</span>` : null}
      ${item.state !== "open" ? html`<${Status} status=${item.state} />` : null}
      ${item.labels.map((/** @type {string} */ label) => html`<span class="tag" key=${label}>${label}</span>`)}</span>
  </a></li>`;
}

/** @param {{at: string}} props */
function Deadline({ at }) {
  const now = useNow(1000);
  const left = Date.parse(at) - now;
  return html`<span class=${`tag num ${left < 3_600_000 ? "red" : left < 86_400_000 ? "amber" : ""}`}><${Icon} name="clock" size=${12} />${left > 0 ? `${duration(left)} left` : "due"}</span>`;
}

/** What happens at the deadline, in words. @param {any} question */
function thereafter(question) {
  const then = question.on_timeout;
  if (!then || !then.kind) return "and it keeps waiting after that";
  if (then.kind === "fail") return "then the step fails";
  if (then.kind === "bail") return "then the run ends early, as done";
  return html`then this is the answer: <code>${JSON.stringify(then.answer)}</code>`;
}

const key = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** @param {{id: string, index?: number, count?: number, onMove?: (step: number) => void, onAnswered: (question: any, answer: any) => void, back?: string, embedded?: boolean}} props */
export function Question({ id, index = -1, count = 0, onMove, onAnswered, back, embedded = false }) {
  const session = useSession();
  const found = useQuery(`inbox/${encodeURIComponent(id)}`, {}, (change) => change.run_id === found.data?.run_id);
  const question = found.data;
  const [mine, setMine] = useState(false);
  const [confirm, setConfirm] = useState(false);
  const body = session.name && !session.known ? { actor: session.name } : {};
  const path = `inbox/${encodeURIComponent(id)}`;
  // A form that is sent twice, or again after the connection was lost, is one answer.
  const attempt = useRef({ data: "", key: "" });
  const [answer, answering, failed] = useSend(async (/** @type {any} */ data) => {
    const text = JSON.stringify(data) ?? "";
    if (attempt.current.data !== text || !attempt.current.key) attempt.current = { data: text, key: key() };
    setMine(true);
    try {
      const told = await post(`${path}/answer`, { ...body, data }, { "idempotency-key": attempt.current.key });
      onAnswered(question, told);
    } catch (error) {
      setMine(false);
      found.refetch();
      throw error;
    }
  });
  const [act, acting, refused] = useSend(async (/** @type {string} */ what, /** @type {any} */ more = {}) => {
    await post(`${path}/${what}`, { ...body, ...more });
    setConfirm(false);
    found.refetch();
  });
  const claim = () => {
    if (!question || question.state !== "open" || !session.may("resume")) return;
    const own = question.claimed_by === session.name;
    // From somebody who has gone home, who may do everything takes it, and names nobody as its holder.
    if (question.claimed_by) (own || session.may("admin")) && act("release", { actor: own ? session.name : undefined });
    else if (session.name || session.known) act("claim");
    else session.ask();
  };
  useKeys({ c: claim });
  const schema = useMemo(() => question?.answer_schema ?? null, [id, Boolean(question)]);

  if (found.error?.status === 404) return html`<div class="card"><${Empty} icon="search" title="There is no such question"><p><a href="#/inbox">To the inbox</a></p></${Empty}></div>`;
  if (!question) return html`<div class="card"><${Problem} error=${found.error} retry=${found.refetch} />${found.error ? null : html`<${Loading} />`}</div>`;
  const open = question.state === "open";
  const others = question.claimed_by && question.claimed_by !== session.name;
  return html`<article class=${`card question ${embedded ? "is-embedded" : ""}`} aria-labelledby=${`q-${id}`}>
    <header class="question-head">
      ${back ? html`<a class="button plain icon slim question-back" href=${back} aria-label="Back to the list"><${Icon} name="back" /></a>` : null}
      <div class="question-title"><p class="crumbs"><a href=${href(["workflows", question.workflow])}>${question.workflow}</a><span>/</span><a href=${href(["runs", question.run_id])} class="mono">${question.run_id}</a></p>
        <h2 id=${`q-${id}`}>${question.step}${keyOf(question) ? html` <span class="muted">${keyOf(question)}</span>` : null}</h2></div>
      ${onMove && count > 1 ? html`<div class="question-move"><span class="muted small num">${index + 1} of ${count}</span>
        <button class="button icon slim" aria-label="Previous question" title="Previous (k)" disabled=${index <= 0} onClick=${() => onMove(-1)}><${Icon} name="back" /></button>
        <button class="button icon slim" aria-label="Next question" title="Next (j)" disabled=${index >= count - 1} onClick=${() => onMove(1)}><${Icon} name="next" /></button></div>` : null}
    </header>
    ${question.question === null || question.question === undefined ? html`<p class="muted">The step asks without saying more.</p>` : html`<div class="asked"><${Facts} value=${question.question} /></div>`}
    <dl class="meta">
      <div><dt>${open ? "Waiting" : "Asked"}</dt><dd>${open ? "since " : ""}<${Time} at=${question.opened_at} /></dd></div>
      ${question.deadline ? html`<div><dt>Deadline</dt><dd><time datetime=${question.deadline}>${moment(question.deadline)}</time>${open ? html`, ${thereafter(question)}` : null}</dd></div>` : null}
      ${question.assigned.length ? html`<div><dt>For</dt><dd>${question.assigned.join(", ")}</dd></div>` : null}
      ${question.labels.length ? html`<div><dt>Labels</dt><dd>${question.labels.join(", ")}</dd></div>` : null}
      ${question.event ? html`<div><dt>Event</dt><dd><code>${question.event}</code></dd></div>` : null}
      ${question.claimed_by && open ? html`<div><dt>Claimed by</dt><dd>${question.claimed_by === session.name ? "you" : question.claimed_by}, <${Time} at=${question.claimed_at} /></dd></div>` : null}
    </dl>
    ${!open && !mine ? html`<${Closed} question=${question} />` : null}
    ${open && others ? html`<div class="notice amber"><${Icon} name="person" /><p class="grow"><strong>${question.claimed_by}</strong> is on it. Claims are for one person at a time.</p></div>` : null}
    <${Problem} error=${failed && !failed.issues?.length ? failed : null} /><${Problem} error=${confirm ? null : refused} />
    ${open || mine ? session.may("resume") ? html`<${SchemaForm} key=${id} schema=${schema} issues=${failed?.issues ?? []} busy=${answering} submitLabel="Send answer" onSubmit=${answer}
        secondary=${html`<button type="button" class="button" disabled=${acting || (others && !session.may("admin"))} title="c" onClick=${claim}><${Icon} name="person" />${question.claimed_by ? "Release" : "Claim"}</button>
          ${session.may("admin") ? html`<button type="button" class="button plain" onClick=${() => setConfirm(true)}>Withdraw</button>` : null}`} />`
      : html`<p class="muted">You may look, but not answer.</p>` : null}
    ${confirm ? html`<${Withdraw} busy=${acting} error=${refused} onYes=${(/** @type {string} */ reason) => act("cancel", { reason: reason || null })} onClose=${() => setConfirm(false)} />` : null}
  </article>`;
}

/** @param {{busy: boolean, error: any, onYes: (reason: string) => void, onClose: () => void}} props */
function Withdraw({ busy, error, onYes, onClose }) {
  const [reason, setReason] = useState("");
  return html`<${Confirm} title="Withdraw this question?" verb="Withdraw" danger busy=${busy} error=${error} onYes=${() => onYes(reason)} onClose=${onClose}>
    <p>Nobody can answer it any more, and the step that asked fails.</p>
    <div class="field"><label for="reason">Reason <span class="muted">(optional)</span></label><input id="reason" value=${reason} maxlength="2000" onInput=${(/** @type {any} */ event) => setReason(event.target.value)} /></div></${Confirm}>`;
}

const HOW = /** @type {Record<string, string>} */ ({ http: "over the API", link: "by a signed link", resume: "in a program", inbox: "in a program", event: "by an event", deadline: "by its deadline", cli: "in a terminal" });

/** How a question was closed: what, by whom, when. @param {{question: any}} props */
function Closed({ question }) {
  const said = /** @type {Record<string, string>} */ ({ answered: "Answered", expired: "The deadline passed", canceled: "Withdrawn", superseded: "No longer asked" });
  return html`<div class=${`closed ${question.state === "answered" ? "green" : "grey"}`} role="status">
    <p><${Icon} name=${question.state === "answered" ? "check" : "stop"} /><strong>${said[question.state] ?? question.state}</strong>${question.actor ? html` by <strong>${question.actor}</strong>` : null}
      ${question.via && HOW[question.via] ? ` ${HOW[question.via]}` : ""}${question.closed_at ? html`, <${Time} at=${question.closed_at} />` : null}${question.reason ? html`: ${question.reason}` : null}</p>
    ${question.state === "answered" ? html`<div class="closed-answer"><${Data} value=${question.answer} /><${Copy} text=${JSON.stringify(question.answer, null, 2)} /></div>` : null}
  </div>`;
}
