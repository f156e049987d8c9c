// Looking at a large picture through a small window: what a drag, a zoom or an arrow key does.

/** Where the picture's corner stands in the window, and how large it is drawn.
 * @typedef {{x: number, y: number, k: number}} View
 * @typedef {{x: number, y: number, w: number, h: number}} Box */

const SMALLEST = 0.1;
const LARGEST = 2;
/** Below this reading is a strain: rather show a part, if need be a little smaller in its whole width. */
const READABLE = 0.72;
const NARROW = 0.6;

/** The whole in the window. @param {{width: number, height: number}} size @param {{w: number, h: number}} room @returns {View} */
export function fitted({ width, height }, { w, h }) {
  const k = Math.max(SMALLEST, Math.min(1, w / width, h / height));
  return { k, x: (w - width * k) / 2, y: Math.max(0, (h - height * k) / 2) };
}

/** What is shown at first: the whole if it can be read, else its upper part. @param {{width: number, height: number}} size
 * @param {{w: number, h: number}} room @returns {View} */
export function first(size, room) {
  const whole = fitted(size, room);
  if (whole.k >= READABLE) return whole;
  const k = Math.max(NARROW, Math.min(1, room.w / size.width));
  return { k, x: (room.w - size.width * k) / 2, y: 0 };
}

/** *view*, larger or smaller, with the point under (*x*, *y*) kept. @param {View} view @param {number} by @param {number} x @param {number} y @returns {View} */
export function zoomed(view, by, x, y) {
  const k = Math.min(LARGEST, Math.max(SMALLEST, view.k * by));
  return { k, x: x - ((x - view.x) * k) / view.k, y: y - ((y - view.y) * k) / view.k };
}

/** *view*, moved no more than it takes to see *box*. @param {View} view @param {Box} box @param {{w: number, h: number}} room @returns {View} */
export function showing(view, box, room, margin = 24) {
  /** @param {number} from @param {number} to @param {number} size */
  const shift = (from, to, size) => (from < margin ? margin - from : to > size - margin ? Math.max(size - margin - to, margin - from) : 0);
  const [left, top] = [box.x * view.k + view.x, box.y * view.k + view.y];
  return { k: view.k, x: view.x + shift(left, left + box.w * view.k, room.w), y: view.y + shift(top, top + box.h * view.k, room.h) };
}

/** Which of *boxes* an arrow key leads to from *box*: the nearest one that way, straight ahead before aside.
 * @template {Box} B @param {Box} box @param {readonly B[]} boxes @param {string} key @returns {B | undefined} */
export function neighbour(box, boxes, key) {
  const upright = key === "ArrowDown" || key === "ArrowUp";
  const way = key === "ArrowDown" || key === "ArrowRight" ? 1 : -1;
  /** @param {Box} a @returns {[number, number]} */
  const middle = (a) => [a.x + a.w / 2, a.y + a.h / 2];
  const [x, y] = middle(box);
  let best;
  let least = Infinity;
  for (const other of boxes) {
    const [ox, oy] = middle(other);
    const [ahead, aside] = upright ? [(oy - y) * way, Math.abs(ox - x)] : [(ox - x) * way, Math.abs(oy - y)];
    // Sideways stays in the row: a node above or below is no neighbour to the left.
    if (ahead <= 0 || (!upright && aside > ahead)) continue;
    const far = ahead + aside * (upright ? 0.5 : 2);
    if (far < least) [best, least] = [other, far];
  }
  return best;
}
