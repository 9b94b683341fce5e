const [QUOTE, BACKSLASH, COLON] = [0x22, 0x5c, 0x3a];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d];

/** Result of {@link checkJsonText}. */
type JsonCheckResult = { readonly ok: true } | { readonly ok: false; readonly fault: "deep" | "duplicate" };

const PASSED: JsonCheckResult = { ok: true };

/**
 * Scans a JSON text, once and without parsing it, for two faults that `JSON.parse` accepts: `"deep"` for nesting beyond the limit,
 * `"duplicate"` for an object with a repeated member, however its name is escaped. With members twice, two readers of one signed text could
 * see different documents (RFC 7515, section 4; RFC 7493, section 2.3).
 *
 * The result for a text that is not JSON has no meaning.
 */
export function checkJsonText(text: string, maxDepth: number): JsonCheckResult {
  const open: (MemberNames | undefined)[] = [];
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charCodeAt(i);
    if (char === OPEN_OBJECT || char === OPEN_ARRAY) {
      if (open.length === maxDepth) return { ok: false, fault: "deep" };
      open.push(char === OPEN_OBJECT ? new MemberNames() : undefined);
    } else if (char === CLOSE_OBJECT || char === CLOSE_ARRAY) {
      open.pop();
    } else if (char === QUOTE) {
      const end = endOfString(text, i);
      if (end === -1) return PASSED;
      if (isName(text, end)) {
        const names = open.at(-1);
        if (names?.add(unescape(text.slice(i + 1, end))) === false) return { ok: false, fault: "duplicate" };
      }
      i = end;
    }
  }
  return PASSED;
}

/** The index of the closing quote of the string that opens at `start`; -1 without one. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

/** Whether an odd number of backslashes precedes this index. */
function isEscaped(text: string, place: number): boolean {
  let i = place;
  while (text.charCodeAt(i - 1) === BACKSLASH) i -= 1;
  return (place - i) % 2 === 1;
}

/** Whether the string whose closing quote is here is followed by a colon. */
function isName(text: string, end: number): boolean {
  let i = end + 1;
  while (text[i] === " " || text[i] === "\n" || text[i] === "\r" || text[i] === "\t") i += 1;
  return text.charCodeAt(i) === COLON;
}

function unescape(name: string): string {
  if (!name.includes("\\")) return name;
  try {
    return JSON.parse(`"${name}"`) as string;
  } catch {
    return name;
  }
}

/** Names up to which an array is searched: faster than a set, which every message would need several of. */
const MAX_SEARCHED = 16;

/** The names of the members of one object. */
class MemberNames {
  readonly #names: string[] = [];
  #set: Set<string> | undefined;

  /** @returns `false` if the name is there already. */
  add(name: string): boolean {
    if (this.#set !== undefined) {
      const before = this.#set.size;
      return this.#set.add(name).size > before;
    }
    if (this.#names.includes(name)) return false;
    if (this.#names.push(name) > MAX_SEARCHED) this.#set = new Set(this.#names);
    return true;
  }
}
