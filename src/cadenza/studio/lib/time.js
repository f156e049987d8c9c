// Times as people read them.

const UNITS = /** @type {const} */ ([["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]]);

/** A duration, its two largest units: `2 d 4 h`, `35 s`, `120 ms`. @param {number} ms */
export function duration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  let rest = Math.round(ms / 1000);
  const parts = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count) parts.push(`${count} ${unit}`);
    else if (parts.length) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

/** How long ago, or in what time: `3 min ago`, `in 2 d`. @param {string} at @param {number} now */
export function ago(at, now) {
  const ms = now - Date.parse(at);
  const size = Math.abs(ms);
  if (size < 5_000) return "now";
  const [unit, length] = UNITS.find(([, seconds]) => size >= seconds * 1000) ?? UNITS[3];
  const count = Math.floor(size / 1000 / length);
  return ms >= 0 ? `${count} ${unit} ago` : `in ${count} ${unit}`;
}

/** Date and time, in the reader's zone. @param {string} at */
export function moment(at) {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" }).format(new Date(at));
}
