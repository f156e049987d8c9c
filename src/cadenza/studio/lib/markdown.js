// A small, safe part of Markdown, as a tree: no HTML gets through, and only links that lead to pages or mail.

/** @typedef {{tag: string, props?: Record<string, string>, children: Piece[]}} Piece_ @typedef {string | Piece_} Piece */

const INLINE = /`([^`\n]+)`|\*\*(\S(?:[^\n]*?\S)?)\*\*|(?<![\p{L}\p{N}*])\*(\S(?:[^*\n]*?\S)?)\*(?![\p{L}\p{N}*])|\[([^\]\n]+)\]\(([^)\s]+)\)|(https?:\/\/[^\s<>()]+[^\s<>().,;:!?])/u;

/** @param {string} text @returns {Piece_[]} */
export function markdown(text) {
  /** @type {Piece_[]} */
  const out = [];
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  for (let at = 0; at < lines.length; ) {
    const line = lines[at];
    if (!line.trim()) {
      at += 1;
      continue;
    }
    const heading = /^(#{1,4})\s+(.*)$/.exec(line);
    if (heading) {
      out.push({ tag: heading[1].length < 3 ? "h3" : "h4", children: inline(heading[2]) });
      at += 1;
    } else if (line.startsWith("```")) {
      const end = lines.findIndex((other, number) => number > at && other.startsWith("```"));
      const until = end < 0 ? lines.length : end;
      out.push({ tag: "pre", children: [lines.slice(at + 1, until).join("\n")] });
      at = until + 1;
    } else if (/^([-*+]|\d+[.)])\s+/.test(line)) {
      const [tag, mark] = /^\d/.test(line) ? ["ol", /^\d+[.)]\s+/] : ["ul", /^[-*+]\s+/];
      /** @type {Piece_[]} */
      const items = [];
      for (; at < lines.length && (/** @type {RegExp} */ (mark).test(lines[at]) || /^\s+\S/.test(lines[at])); at++) {
        if (/** @type {RegExp} */ (mark).test(lines[at])) items.push({ tag: "li", children: inline(lines[at].replace(mark, "")) });
        else items[items.length - 1].children.push(" ", ...inline(lines[at].trim()));
      }
      out.push({ tag: /** @type {string} */ (tag), children: items });
    } else if (line.startsWith(">")) {
      const quoted = [];
      for (; at < lines.length && lines[at].startsWith(">"); at++) quoted.push(lines[at].replace(/^>\s?/, ""));
      out.push({ tag: "blockquote", children: markdown(quoted.join("\n")) });
    } else {
      const words = [];
      for (; at < lines.length && lines[at].trim() && (words.length === 0 || !/^(#{1,4}\s|```|>|([-*+]|\d+[.)])\s)/.test(lines[at])); at++) words.push(lines[at]);
      out.push({ tag: "p", children: words.flatMap((word, number) => [...(number ? [/** @type {Piece} */ ({ tag: "br", children: [] })] : []), ...inline(word)]) });
    }
  }
  return out;
}

/** @param {string} text @returns {Piece[]} */
function inline(text) {
  /** @type {Piece[]} */
  const out = [];
  for (let rest = text; rest; ) {
    const found = INLINE.exec(rest);
    if (!found) {
      out.push(rest);
      break;
    }
    if (found.index) out.push(rest.slice(0, found.index));
    const [whole, code, strong, em, label, target, bare] = found;
    if (code !== undefined) out.push({ tag: "code", children: [code] });
    else if (strong !== undefined) out.push({ tag: "strong", children: inline(strong) });
    else if (em !== undefined) out.push({ tag: "em", children: inline(em) });
    else if (bare !== undefined) out.push(anchor(bare, [bare]));
    else if (/^(https?:\/\/|mailto:)/i.test(target)) out.push(anchor(target, inline(label)));
    else out.push(whole);
    rest = rest.slice(found.index + whole.length);
  }
  return out;
}

/** @param {string} target @param {Piece[]} children @returns {Piece_} */
const anchor = (target, children) => ({ tag: "a", props: { href: target, target: "_blank", rel: "noopener noreferrer" }, children });
