// How a place of a run stands, in a few words: what is written on the nodes of the graph, and read out.
import { statusOf } from "./status.js";
import { duration } from "./time.js";

/**
 * One visit of a place, as the server tells it. `path` is as people read it (`n[2].y`). Times are ISO 8601.
 * @typedef {{path: string, status: string, attempts?: number, started_at?: string | null, ended_at?: string | null,
 *   wake_at?: string | null, input?: unknown, spans?: {kind: string, from: string, to: string | null}[]}} Visit
 * `ticks` tells that the words change as time goes by.
 * @typedef {{status: string, text: string, ticks?: boolean}} Standing
 * @typedef {import("./layout.js").Node} Node
 * @typedef {import("./layout.js").Item} Item
 */

// The status that speaks for many: first what somebody has to look at.
const LOUDEST = ["suspended", "held", "failed", "running", "waiting", "canceled", "success"];
/** @type {Record<string, string>} */
const COUNTED = { success: "done", suspended: "waiting", waiting: "asleep" };

// What took less, in milliseconds, is not worth a number.
const BLINK = 10;

/** How many milliseconds passed, 0 where that is not known. @param {Visit} visit */
const took = (visit) => (visit.started_at && visit.ended_at ? Date.parse(visit.ended_at) - Date.parse(visit.started_at) : 0);

/** @param {Visit} visit */
const numbersOf = (visit) => (visit.path.match(/\[\d+\]/g) ?? []).map((number) => Number(number.slice(1, -1)));

/** The visits by place. @param {readonly Visit[]} visits @returns {Map<string, Visit[]>} */
export function byPlace(visits) {
  const found = new Map();
  for (const visit of visits) {
    const place = visit.path.replace(/\[\d+\]/g, "");
    found.set(place, [...(found.get(place) ?? []), visit]);
  }
  return found;
}

/** How long each sleep lasts whose length is fixed. @param {readonly Item[]} items @param {string} [prefix] @returns {Map<string, number>} */
export function sleepsOf(items, prefix = "") {
  const found = new Map();
  for (const item of items) {
    if (typeof item.seconds === "number") found.set(`${prefix}${item.id}`, item.seconds);
    const lists = item.branches?.map((branch) => branch.nodes ?? branch) ?? [item.graph ?? item.body ?? []];
    const below = item.kind === "workflow" ? `${prefix}${item.id}.` : prefix;
    for (const list of lists) for (const [key, seconds] of sleepsOf(list, below)) found.set(key, seconds);
  }
  return found;
}

/** The places on ways that a branch did not take. @param {readonly {members: string[]}[]} groups @param {Map<string, Visit[]>} visits */
export function untaken(groups, visits) {
  return groups.flatMap(({ members }) => (members.some((key) => visits.has(key)) ? members.filter((key) => !visits.has(key)) : []));
}

/**
 * How *node* stands after *visits* of it.
 * @param {Node} node @param {readonly Visit[]} visits @param {number} now milliseconds @param {number} [seconds] it sleeps
 * @returns {Standing}
 */
export function standing(node, visits, now, seconds) {
  if (!visits.length) return { status: "pending", text: node.detail };
  const depth = Math.max(...visits.map((visit) => numbersOf(visit).length));
  const last = visits.filter((visit) => numbersOf(visit).length === depth);
  if (depth && (node.many === "foreach" || node.kind === "foreach")) {
    const around = visits.filter((visit) => numbersOf(visit).length === depth - 1);
    const total = around.length === 1 && Array.isArray(around[0].input) ? around[0].input.length : 0;
    return counts(last, Math.max(total, last.length));
  }
  const visit = last.reduce((a, b) => (later(numbersOf(b), numbersOf(a)) ? b : a));
  const told = one(node, visit, now, seconds);
  const round = (numbersOf(visit).at(-1) ?? 0) + 1;
  return depth && round > 1 ? { ...told, text: `round ${round}, ${told.text}` } : told;
}

/** Whether round *a* comes after *b*. @param {number[]} a @param {number[]} b */
function later(a, b) {
  const at = a.findIndex((number, i) => number !== b[i]);
  return at >= 0 && a[at] > b[at];
}

/** @param {readonly Visit[]} visits @param {number} total @returns {Standing} */
function counts(visits, total) {
  /** @param {string} status */
  const count = (status) => visits.filter((visit) => visit.status === status).length;
  const done = count("success");
  const loud = LOUDEST.filter((status) => count(status));
  const others = loud.filter((status) => status !== "success").map((status) => `${count(status)} ${COUNTED[status] ?? status}`);
  const text = [done === total ? `${total} done` : `${done} of ${total} done`, ...others].join(", ");
  return { status: loud[0] === "success" && done < total ? "running" : loud[0], text };
}

/** @param {Node} node @param {Visit} visit @param {number} now @param {number | undefined} seconds @returns {Standing} */
function one(node, visit, now, seconds) {
  const attempts = visit.attempts ?? 1;
  const { status } = visit;
  const pause = visit.spans?.findLast((span) => span.kind === "retry");
  switch (status) {
    case "suspended":
      return { status, text: node.kind === "event" ? "waits for an event" : node.kind === "step" ? "waits for an answer" : "waits inside" };
    case "waiting": {
      const wake = visit.wake_at ? Date.parse(visit.wake_at) : seconds !== undefined && visit.started_at ? Date.parse(visit.started_at) + seconds * 1000 : NaN;
      return wake > now ? { status, text: `wakes in ${duration(wake - now)}`, ticks: true } : { status, text: Number.isNaN(wake) ? "asleep" : "wakes now" };
    }
    case "running":
      if (pause?.to && Date.parse(pause.to) > now) return { status, text: `attempt ${attempts} in ${duration(Date.parse(pause.to) - now)}`, ticks: true };
      return { status, text: attempts > 1 ? `attempt ${attempts}` : "running" };
    case "success":
      return { status, text: took(visit) < BLINK ? "done" : `done in ${duration(took(visit))}` };
    case "failed":
      return { status, text: attempts > 1 ? `failed, ${attempts} attempts` : "failed" };
    default:
      return { status, text: statusOf(status).label.toLowerCase() };
  }
}
