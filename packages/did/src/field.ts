/** Arithmetic modulo a prime, for public keys only: its time depends on the values. */
export function mod(value: bigint, prime: bigint): bigint {
  const rest = value % prime;
  return rest < 0n ? rest + prime : rest;
}

export function power(base: bigint, exponent: bigint, prime: bigint): bigint {
  let result = 1n;
  let square = mod(base, prime);
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % prime;
    square = (square * square) % prime;
  }
  return result;
}

/** The inverse by Fermat's little theorem; 0 for 0. */
export function inverse(value: bigint, prime: bigint): bigint {
  return power(value, prime - 2n, prime);
}

/** Whether a value is a square: Euler's criterion. */
export function isSquare(value: bigint, prime: bigint): boolean {
  return power(value, (prime - 1n) / 2n, prime) <= 1n;
}

/** A big-endian number. */
export function toNumber(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

/** Big-endian bytes of a fixed length. */
export function toBytes(value: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let rest = value;
  for (let i = length - 1; i >= 0; i -= 1) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}
