// The frame: who is here, where the page stands, what changes.
import { html, render, useEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { credentials, get } from "../lib/api.js";
import { SessionContext, broadcast, go, useKeys, useQuery, useRoute, useSession } from "../lib/hooks.js";
import { listen } from "../lib/live.js";
import { href } from "../lib/router.js";
import { Icon } from "../components/icons.js";
import { Dialog, Guard, Problem } from "../components/parts.js";
import { InboxView } from "./inbox.js";
import { RunView } from "./run.js";
import { RunsView } from "./runs.js";
import { SchedulesView } from "./schedules.js";
import { StartView } from "./start.js";
import { WorkflowView, WorkflowsView } from "./workflows.js";

const PLACES = [
  { at: "inbox", label: "Inbox", icon: "inbox", key: "i" },
  { at: "runs", label: "Runs", icon: "runs", key: "r" },
  { at: "workflows", label: "Workflows", icon: "flow", key: "w" },
  { at: "schedules", label: "Schedules", icon: "clock", key: "s" },
];
const KEYS = [
  ["g then i, r, w, s", "Inbox, Runs, Workflows, Schedules"],
  ["j, k or ↓, ↑", "next and previous"],
  ["Enter", "open"],
  ["Ctrl + Enter", "send the form"],
  ["c", "claim or release the question"],
  ["/", "search"],
  ["?", "these keys"],
  ["Esc", "close, or leave a field"],
];

/** @param {ReturnType<typeof useRoute>} route */
function view({ path: [place = "inbox", id, more], query }) {
  if (place === "inbox") return html`<${InboxView} id=${id} query=${query} />`;
  if (place === "runs" && id) return html`<${RunView} key=${id} id=${id} query=${query} />`;
  if (place === "runs") return html`<${RunsView} query=${query} />`;
  if (place === "workflows" && id && more === "start") return html`<${StartView} key=${id} id=${id} query=${query} />`;
  if (place === "workflows" && id) return html`<${WorkflowView} key=${id} id=${id} />`;
  if (place === "workflows") return html`<${WorkflowsView} />`;
  if (place === "schedules") return html`<${SchedulesView} id=${id} />`;
  return html`<h1>There is no such page</h1><p><a href="#/inbox">To the inbox</a></p>`;
}

function Frame() {
  const route = useRoute();
  const main = useRef(/** @type {any} */ (null));
  const [help, setHelp] = useState(false);
  const led = useRef(0);
  const place = route.path[0] ?? "inbox";
  const counts = useQuery("counts");
  useKeys({
    "?": () => setHelp(true),
    g: () => (led.current = Date.now()),
    ...Object.fromEntries(PLACES.map(({ key, at }) => [key, () => Date.now() - led.current < 1500 && go([at])])),
  });
  // A new page begins at its top, for eyes and for screen readers.
  const at = route.path.join("/");
  const first = useRef(true);
  useEffect(() => {
    if (!first.current && place !== "inbox") main.current.focus({ preventScroll: true }), scrollTo(0, 0);
    first.current = false;
  }, [at]);
  const open = counts.data?.open;
  return html`<div class="frame">
    <a class="skip" href="#main" onClick=${(/** @type {Event} */ event) => (event.preventDefault(), main.current.focus())}>Skip to the page</a>
    <header class="side">
      <a class="brand" href="#/inbox"><img src="studio/icon.svg" alt="" />Cadenza</a>
      <nav class="nav" aria-label="Main">${PLACES.map(
        (to) => html`<a key=${to.at} href=${href([to.at])} aria-current=${place === to.at ? "page" : undefined}><${Icon} name=${to.icon} size=${18} />${to.label}
          ${to.at === "inbox" && open ? html`<span class="count num"><span class="sr">, open questions: </span>${open > 999 ? "999+" : open}</span>` : null}</a>`,
      )}</nav>
      <div class="side-foot"><${Foot} onHelp=${() => setHelp(true)} /></div>
    </header>
    <main class="page" id="main" tabindex="-1" ref=${main}><${Guard} key=${place === "inbox" ? place : at}>${view(route)}</${Guard}></main>
    ${help ? html`<${Dialog} title="Keys" onClose=${() => setHelp(false)}><dl class="keys">${KEYS.map(([key, does]) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${does}</dd></div>`)}</dl></${Dialog}>` : null}
  </div>`;
}

/** @param {{onHelp: () => void}} props */
function Foot({ onHelp }) {
  const session = useSession();
  const [theme, setTheme] = useState(() => localStorage.getItem("cadenza-theme") ?? "system");
  useEffect(() => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    localStorage.setItem("cadenza-theme", theme);
  }, [theme]);
  return html`<${Who} session=${session} />
    <div class="row"><span class=${`link-state ${session.connected ? "" : "lost"}`} role="status"><i></i>${session.connected ? "Live" : "Connection lost, trying again"}</span></div>
    <div class="row"><label class="sr" for="theme">Colours</label>
      <select id="theme" class="slim" value=${theme} onChange=${(/** @type {any} */ event) => setTheme(event.target.value)}>
        <option value="system">System colours</option><option value="light">Light</option><option value="dark">Dark</option></select>
      <button class="button plain icon slim" aria-label="Keys" title="Keys (?)" onClick=${onHelp}>?</button></div>`;
}

/** In whose name one acts: as the server knows it, else as one says. @param {{session: import("../lib/hooks.js").Session}} props */
function Who({ session }) {
  if (!session.known) {
    return html`<div class="row"><button class="who" onClick=${session.ask}><${Icon} name="person" />${session.name ?? "Say who you are"}</button></div>`;
  }
  return html`<div class="row"><span class="who"><${Icon} name="person" />${session.name ?? "Signed in"}</span>
    <button class="button plain icon slim" aria-label="Sign out" title="Sign out" onClick=${() => (credentials.set(null), location.reload())}><${Icon} name="out" /></button></div>`;
}

/** @param {{name: string | null, onName: (name: string | null) => void, onClose: () => void}} props */
function NameDialog({ name, onName, onClose }) {
  const [given, setGiven] = useState(name ?? "");
  return html`<${Dialog} title="Who are you?" onClose=${onClose}>
    <form class="stack" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), onName(given.trim() || null))}>
      <p class="muted">This server does not ask who sends a request. Your name stands beside what you answer; it is kept in this browser.</p>
      <div class="field"><label for="who">Your name</label><input id="who" autofocus autocomplete="name" maxlength="200" value=${given} onInput=${(/** @type {any} */ event) => setGiven(event.target.value)} /></div>
      <footer><button class="button main">That is me</button></footer>
    </form></${Dialog}>`;
}

/** What a server with keys shows first. @param {{problem: string | null, onKey: (key: string) => void}} props */
function SignIn({ problem, onKey }) {
  const [key, setKey] = useState("");
  return html`<main class="sign-in"><img src="studio/icon.svg" alt="" width="44" height="44" /><h1>Cadenza</h1>
    <form class="stack card" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), onKey(key.trim()))}>
      <p class="muted">This server wants to know who you are.</p>
      ${problem ? html`<p class="notice red" role="alert">${problem}</p>` : null}
      <div class="field"><label for="key">API key or token</label><input id="key" type="password" autocomplete="current-password" required value=${key} onInput=${(/** @type {any} */ event) => setKey(event.target.value)} /></div>
      <button class="button main">Sign in</button>
    </form></main>`;
}

function Studio() {
  const [me, setMe] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const [round, setRound] = useState(0);
  const [given, setGiven] = useState(() => localStorage.getItem("cadenza-name"));
  const [asking, setAsking] = useState(false);
  const [connected, setConnected] = useState(true);
  const changes = useMemo(() => broadcast(), []);

  useEffect(() => {
    get("me").then((found) => (setMe(found), setError(null)), setError);
  }, [round]);

  useEffect(() => {
    if (!me) return undefined;
    const stop = new AbortController();
    listen({
      path: "changes",
      signal: stop.signal,
      // From "ready" on nothing is missed; what happened before, since the page asked or the connection was lost, is asked for.
      onEvent: ({ event, data }) => (event === "ready" ? changes.tell(null) : data?.run_id && changes.tell(data)),
      onState: setConnected,
    });
    return () => stop.abort();
  }, [me]);

  /** @param {string | null} name */
  const rename = (name) => {
    if (name) localStorage.setItem("cadenza-name", name);
    else localStorage.removeItem("cadenza-name");
    setGiven(name);
  };

  if (error?.status === 401 || error?.status === 403) {
    return html`<${SignIn} problem=${credentials.get() ? "The server does not know this key." : null} onKey=${(/** @type {string} */ key) => (credentials.set(key), setRound(round + 1))} />`;
  }
  if (error) return html`<main class="sign-in"><${Problem} error=${error} retry=${() => setRound(round + 1)} /></main>`;
  if (!me) return null;
  const known = me.auth;
  /** @type {import("../lib/hooks.js").Session} */
  const session = {
    name: known ? me.name : given,
    known,
    scopes: me.scopes,
    traceUrl: me.trace_url ?? null,
    connected,
    changes,
    ask: () => setAsking(true),
    may: (scope) => me.scopes.includes(scope) || me.scopes.includes("admin"),
  };
  return html`<${SessionContext.Provider} value=${session}><${Frame} />
    ${asking ? html`<${NameDialog} name=${given} onClose=${() => setAsking(false)} onName=${(/** @type {string | null} */ name) => (rename(name), setAsking(false))} />` : null}
  </${SessionContext.Provider}>`;
}

render(html`<${Studio} />`, /** @type {Element} */ (document.getElementById("app")));
