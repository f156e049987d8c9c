// What changes, as it changes: server-sent events over fetch, since an EventSource can send no key.
import { address, headers } from "./api.js";

/** @typedef {{run_id: string, workflow: string, status: string, seq: number}} Change */

/** Splits a stream of server-sent events: feed it text, it gives the events that are whole. */
export function eventReader() {
  let rest = "";
  /** @param {string} text @returns {{event: string, data: string, id: string | undefined}[]} */
  return (text) => {
    const blocks = (rest + text).replaceAll("\r\n", "\n").split("\n\n");
    rest = blocks.pop() ?? "";
    return blocks.map(fields).filter((found) => found.data !== "");
  };
}

/** @param {string} block */
function fields(block) {
  /** @type {{event: string, data: string, id: string | undefined}} */
  const found = { event: "message", data: "", id: undefined };
  for (const line of block.split("\n")) {
    const [, name, value] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
    if (name === "data") found.data += (found.data && "\n") + value;
    else if (name === "event") found.event = value;
    else if (name === "id") found.id = value;
  }
  return found;
}

/** How long to wait before attempt *count*, in milliseconds: at once, then ever longer, at most 15 s. @param {number} count */
export const pause = (count) => (count === 0 ? 0 : Math.min(15_000, 500 * 2 ** (count - 1)));

/**
 * Listens until *signal* aborts. `onState(false)` when the connection is lost; `onState(true)` each time that it stands anew:
 * what happened in between has to be asked for.
 * @param {{path: string, onEvent: (event: {event: string, data: any, id: string | undefined}) => void, onState?: (connected: boolean) => void, signal: AbortSignal}} wish
 */
export async function listen({ path, onEvent, onState, signal }) {
  let last;
  for (let failed = 0; !signal.aborted; failed++) {
    await rest(pause(failed), signal);
    try {
      const response = await fetch(address(path), { headers: { ...headers(), ...(last ? { "last-event-id": last } : {}) }, signal });
      if (response.status === 204) return;
      if (!response.ok || !response.body) throw new Error(`${response.status}`);
      onState?.(true);
      failed = 0;
      const read = eventReader();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        for (const event of read(part.value)) {
          last = event.id ?? last;
          onEvent({ ...event, data: JSON.parse(event.data) });
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      console.debug("connection lost", error);
    }
    onState?.(false);
  }
}

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
function rest(ms, signal) {
  return new Promise((resolve) => {
    if (ms === 0) return resolve();
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
    // A network that came back, or a tab that is looked at again, need not wait for the next attempt.
    addEventListener("online", () => (clearTimeout(timer), resolve()), { once: true, signal });
  });
}
