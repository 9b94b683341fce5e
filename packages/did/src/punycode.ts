const BASE = 36;
const [T_MIN, T_MAX, SKEW, DAMP] = [1, 26, 38, 700];
const FIRST_CODE_POINT = 0x80;
const LAST_CODE_POINT = 0x10ffff;
/** Upper bound of a position times the number of code points: labels have at most 63 characters. */
const LIMIT = LAST_CODE_POINT * 64;

/**
 * Decodes a label of a domain name, given in lower case and without `xn--`. `undefined` if the label is not valid Punycode.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc3492#section-6.2 | RFC 3492, section 6.2}
 */
export function decodePunycode(label: string): string | undefined {
  const delimiter = label.lastIndexOf("-");
  const output = Array.from(delimiter > 0 ? label.slice(0, delimiter) : "", (char) => char.charCodeAt(0));
  let [position, codePoint, bias] = [0, FIRST_CODE_POINT, 72];
  let next = delimiter > 0 ? delimiter + 1 : 0;
  while (next < label.length) {
    const before = position;
    for (let weight = 1, k = BASE; ; k += BASE) {
      const digit = digitOf(label[next]);
      if (digit === undefined) return undefined;
      next += 1;
      position += digit * weight;
      if (position > LIMIT) return undefined;
      const threshold = Math.min(T_MAX, Math.max(T_MIN, k - bias));
      if (digit < threshold) break;
      weight *= BASE - threshold;
    }
    const length = output.length + 1;
    bias = adapt(position - before, length, before === 0);
    codePoint += Math.floor(position / length);
    if (codePoint > LAST_CODE_POINT) return undefined;
    position %= length;
    output.splice(position, 0, codePoint);
    position += 1;
  }
  return String.fromCodePoint(...output);
}

function digitOf(char: string | undefined): number | undefined {
  if (char === undefined || !/^[a-z0-9]$/.test(char)) return undefined;
  return char <= "9" ? Number(char) + 26 : char.charCodeAt(0) - 97;
}

function adapt(delta: number, length: number, isFirst: boolean): number {
  let rest = Math.floor(delta / (isFirst ? DAMP : 2));
  rest += Math.floor(rest / length);
  let k = 0;
  for (; rest > ((BASE - T_MIN) * T_MAX) / 2; k += BASE) rest = Math.floor(rest / (BASE - T_MIN));
  return k + Math.floor(((BASE - T_MIN + 1) * rest) / (rest + SKEW));
}
