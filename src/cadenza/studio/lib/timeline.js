// Where the bars of a timeline stand. Long waits are shortened, so that the work beside them stays visible.

/** @typedef {{kind: string, from: string, to: string | null}} Span */

/**
 * Maps moments to 0..1. Stretches in which nothing works (all wait or sleep) take at most a fifth of the width each, and what
 * was shortened is told, so that the axis can say it.
 * @param {Span[]} spans all spans of all rows @param {number} now
 */
export function scale(spans, now) {
  const ends = spans.map((span) => ({ from: Date.parse(span.from), to: span.to ? Date.parse(span.to) : now, works: span.kind === "run" }));
  const start = Math.min(...ends.map((one) => one.from), now);
  const end = Math.max(...ends.map((one) => one.to), start + 1);
  const marks = [...new Set([start, end, ...ends.flatMap((one) => [one.from, one.to])])].sort((a, b) => a - b);
  const pieces = marks.slice(1).map((to, at) => {
    const from = marks[at];
    return { from, to, works: ends.some((one) => one.works && one.from < to && one.to > from) };
  });
  const work = pieces.reduce((sum, piece) => sum + (piece.works ? piece.to - piece.from : 0), 0);
  const idle = pieces.filter((piece) => !piece.works);
  // With no work to compare with, time is as long as it was.
  const most = work > 0 ? Math.max(work * 0.5, 1) : Infinity;
  const sized = pieces.map((piece) => ({ ...piece, size: piece.works ? piece.to - piece.from : Math.min(piece.to - piece.from, most / Math.min(idle.length, 3) || 1) }));
  const whole = sized.reduce((sum, piece) => sum + piece.size, 0) || 1;
  let at = 0;
  const placed = sized.map((piece) => ({ ...piece, at: (at += piece.size) - piece.size }));
  /** @param {number} moment */
  const place = (moment) => {
    const piece = placed.find((one) => moment <= one.to) ?? placed[placed.length - 1];
    const share = (Math.min(Math.max(moment, piece.from), piece.to) - piece.from) / (piece.to - piece.from || 1);
    return (piece.at + share * piece.size) / whole;
  };
  return {
    start,
    end,
    shortened: placed.filter((piece) => piece.size < piece.to - piece.from - 0.5).map((piece) => ({ from: piece.at / whole, to: (piece.at + piece.size) / whole, ms: piece.to - piece.from })),
    /** @param {Span} span */
    bar: (span) => {
      const left = place(Date.parse(span.from));
      return { left, width: Math.max(0, place(span.to ? Date.parse(span.to) : now) - left) };
    },
  };
}
