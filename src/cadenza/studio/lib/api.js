// Requests to our own routes. Paths are relative to the page, so that it works wherever it is mounted.

/** @typedef {{path: string, message: string}} Issue */

/** What the server refused, or that it could not be reached (status 0). */
export class ApiError extends Error {
  /** @param {number} status @param {string} code @param {string} message @param {Issue[]} [issues] @param {Record<string, any>} [body] */
  constructor(status, code, message, issues = [], body = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.issues = issues;
    this.body = body;
  }
}

const KEY = "cadenza-key";

/** The key that a person gave, kept for this tab alone. */
export const credentials = {
  get: () => sessionStorage.getItem(KEY),
  /** @param {string | null} key */
  set: (key) => (key ? sessionStorage.setItem(KEY, key) : sessionStorage.removeItem(KEY)),
};

/** @param {string} path @param {Record<string, unknown>} [query] */
export function address(path, query = {}) {
  const url = new URL(`api/v1/${path}`, document.baseURI);
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(key, String(value));
  }
  return url;
}

/** @returns {Record<string, string>} */
export function headers() {
  const key = credentials.get();
  return key ? { authorization: `Bearer ${key}` } : {};
}

/** @param {string} path @param {Record<string, unknown>} [query] @param {AbortSignal} [signal] @returns {Promise<any>} */
export function get(path, query, signal) {
  return request(address(path, query), { headers: headers(), signal });
}

/** @param {string} path @param {unknown} [body] @param {Record<string, string>} [more] further headers @returns {Promise<any>} */
export function post(path, body = {}, more = {}) {
  return request(address(path), {
    method: "POST",
    headers: { ...headers(), ...more, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** @param {URL} url @param {RequestInit} init */
async function request(url, init) {
  let response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, "unreachable", "The server cannot be reached");
  }
  const text = await response.text();
  let body;
  try {
    body = text ? JSON.parse(text) : null;
  } catch {
    throw new ApiError(response.status, "not_json", `The server answered ${response.status} with something that is not JSON`);
  }
  if (response.ok) return body;
  throw new ApiError(response.status, body?.code ?? "", body?.detail ?? body?.title ?? `The server answered ${response.status}`, body?.issues ?? [], body ?? {});
}
