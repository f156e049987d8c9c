// What views share: the route, what was fetched, what changed, the keys.
import { createContext, useContext, useEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { get } from "./api.js";
import { href, parse } from "./router.js";

/**
 * Who is here, and what the frame hands to every view. `changes` tells of runs that changed; null: everything may have, the
 * connection was lost in between.
 * @typedef {{name: string | null, known: boolean, scopes: string[], connected: boolean, traceUrl: string | null,
 *   ask: () => void, may: (scope: string) => boolean,
 *   changes: {on: (heard: (change: any) => void) => () => void}}} Session
 */

/** @type {import("../vendor/preact.js").Context<Session>} */
export const SessionContext = createContext(/** @type {any} */ (null));

export const useSession = () => useContext(SessionContext);

export function useRoute() {
  const [route, setRoute] = useState(() => parse(location.hash));
  useEffect(() => {
    const changed = () => setRoute(parse(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}

/** Goes to a page; with *replace* Back does not stop at this one. @param {(string | number)[]} path @param {Record<string, unknown>} [query] @param {boolean} [replace] */
export function go(path, query = {}, replace = false) {
  const to = href(path, query);
  if (replace) location.replace(to);
  else location.hash = to;
}

/**
 * What a route answers, kept fresh. While it is fetched anew the former answer stays.
 * @param {string | null} path null: nothing to ask for yet
 * @param {Record<string, unknown>} [query]
 * @param {(change: import("./live.js").Change) => boolean} [concerns] which changes make it stale
 */
export function useQuery(path, query = {}, concerns = () => true) {
  const { changes } = useSession();
  const asked = path === null ? null : JSON.stringify([path, query]);
  const [state, setState] = useState(/** @type {{asked: string | null, data: any, error: any}} */ ({ asked: null, data: undefined, error: undefined }));
  const [round, setRound] = useState(0);
  const latest = useRef(concerns);
  latest.current = concerns;

  useEffect(() => {
    if (asked === null || path === null) return undefined;
    const stop = new AbortController();
    get(path, query, stop.signal).then(
      (data) => setState({ asked, data, error: undefined }),
      (error) => stop.signal.aborted || setState((last) => ({ asked, data: last.asked === asked ? last.data : undefined, error })),
    );
    return () => stop.abort();
  }, [asked, round]);

  useEffect(() => {
    /** @type {number | undefined} */
    let timer;
    // A burst of changes is one fetch; and a steady stream of them is a fetch every now and then, not none.
    const off = changes.on((change) => {
      if (timer === undefined && (change === null || latest.current(change))) {
        timer = setTimeout(() => ((timer = undefined), setRound((last) => last + 1)), 80);
      }
    });
    return () => (clearTimeout(timer), off());
  }, [changes]);

  const current = state.asked === asked;
  return {
    data: current ? state.data : undefined,
    former: state.data,
    error: current ? state.error : undefined,
    loading: asked !== null && !current,
    refetch: () => setRound((last) => last + 1),
  };
}

/** Now, again and again, for what says how long something has been waiting. @param {number} [every] milliseconds */
export function useNow(every = 1000) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => document.hidden || setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

/** Keys of a page: `{j: down, "?": help}`. Not while somebody writes, and not in dialogs. @param {Record<string, (event: KeyboardEvent) => void>} keys */
export function useKeys(keys) {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    /** @param {KeyboardEvent} event */
    const pressed = (event) => {
      const target = /** @type {HTMLElement} */ (event.target);
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || document.querySelector("dialog[open]")) return;
      const call = latest.current[event.key];
      if (!call) return;
      event.preventDefault();
      call(event);
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

/** Sends something once at a time: `[send, busy, error]`. @template {any[]} A @param {(...given: A) => Promise<any>} call @returns {[(...given: A) => Promise<any>, boolean, any, (error: any) => void]} */
export function useSend(call) {
  const [state, setState] = useState(/** @type {{busy: boolean, error: any}} */ ({ busy: false, error: null }));
  const busy = useRef(false);
  /** @param {A} given */
  const send = async (...given) => {
    if (busy.current) return undefined;
    busy.current = true;
    setState({ busy: true, error: null });
    try {
      const answer = await call(...given);
      setState({ busy: false, error: null });
      return answer ?? true;
    } catch (error) {
      setState({ busy: false, error });
      return undefined;
    } finally {
      busy.current = false;
    }
  };
  return [send, state.busy, state.error, (error) => setState({ busy: false, error })];
}

/** Who listens, and a way to tell them. @template T */
export function broadcast() {
  /** @type {Set<(told: T) => void>} */
  const heard = new Set();
  return {
    /** @param {(told: T) => void} call */
    on: (call) => (heard.add(call), () => void heard.delete(call)),
    /** @param {T} told */
    tell: (told) => heard.forEach((call) => call(told)),
  };
}

/** A title for the tab, while this view stands. @param {string} title */
export function useTitle(title) {
  useEffect(() => {
    document.title = title ? `${title} · Cadenza` : "Cadenza";
  }, [title]);
}

/** Several values that are one, so that an effect can name it. @param {unknown} value */
export const useSame = (value) => useMemo(() => value, [JSON.stringify(value)]);
