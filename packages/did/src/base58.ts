const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const DIGITS: ReadonlyMap<string, number> = new Map(Array.from(ALPHABET).map((char, digit) => [char, digit]));

/** Writes bytes in base58btc. The work grows with the square of the length: meant for keys. */
export function encodeBase58(bytes: Uint8Array): string {
  const { digits, zeros } = convert(bytes, 256, 58);
  return ALPHABET.charAt(0).repeat(zeros) + digits.map((digit) => ALPHABET.charAt(digit)).join("");
}

/** Reads base58btc; `undefined` for any other character. The work grows with the square of the length, so the caller caps it. */
export function decodeBase58(text: string): Uint8Array | undefined {
  const input: number[] = [];
  for (const char of text) {
    const digit = DIGITS.get(char);
    if (digit === undefined) return undefined;
    input.push(digit);
  }
  const { digits, zeros } = convert(input, 58, 256);
  return Uint8Array.from([...Array<number>(zeros).fill(0), ...digits]);
}

/** A number's digits in another base, most significant first, and how many zeros led it. */
function convert(input: Iterable<number>, from: number, to: number): { digits: number[]; zeros: number } {
  const reversed: number[] = [];
  let zeros = 0;
  for (const digit of input) {
    if (digit === 0 && reversed.length === 0) {
      zeros += 1;
      continue;
    }
    let carry = digit;
    for (let i = 0; i < reversed.length; i += 1) {
      carry += (reversed[i] as number) * from;
      reversed[i] = carry % to;
      carry = Math.floor(carry / to);
    }
    for (; carry > 0; carry = Math.floor(carry / to)) reversed.push(carry % to);
  }
  return { digits: reversed.toReversed(), zeros };
}
