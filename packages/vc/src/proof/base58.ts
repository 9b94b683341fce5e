const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/** Enough for the longest signature, 96 bytes. The work grows with the square of the length. */
const MAX_LENGTH = 140;

/** Writes bytes in base58btc. */
export function encodeBase58(bytes: Uint8Array): string {
  let text = "";
  for (let number = toNumber(bytes, 256n); number > 0n; number /= 58n) text = ALPHABET.charAt(Number(number % 58n)) + text;
  return ALPHABET.charAt(0).repeat(leadingZeros(bytes)) + text;
}

/** Reads base58btc of at most 140 characters; `undefined` for anything else. */
export function decodeBase58(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const digits = Array.from(text, (char) => ALPHABET.indexOf(char));
  if (digits.includes(-1)) return undefined;
  const bytes: number[] = [];
  for (let number = toNumber(digits, 58n); number > 0n; number /= 256n) bytes.push(Number(number % 256n));
  return Uint8Array.from([...Array<number>(leadingZeros(digits)).fill(0), ...bytes.toReversed()]);
}

function toNumber(digits: Iterable<number>, base: bigint): bigint {
  let number = 0n;
  for (const digit of digits) number = number * base + BigInt(digit);
  return number;
}

function leadingZeros(digits: Iterable<number>): number {
  let count = 0;
  for (const digit of digits) {
    if (digit !== 0) break;
    count += 1;
  }
  return count;
}
