import { mod, power, toBytes, toNumber } from "./field.ts";

/** Curves of the form y² = x³ + ax + b whose keys JWK calls `EC`. */
export type EcCurve = "P-256" | "P-384" | "P-521" | "secp256k1";

interface Parameters {
  readonly prime: bigint;
  readonly a: bigint;
  readonly b: bigint;
  /** Bytes of a coordinate. */
  readonly size: number;
}

/** From FIPS 186-4, appendix D.1.2, and SEC 2, section 2.4.1. Each prime is 3 modulo 4, which makes roots easy. */
const CURVES: Readonly<Record<EcCurve, Parameters>> = {
  "P-256": {
    prime: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    a: -3n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    size: 32,
  },
  "P-384": {
    prime: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    a: -3n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    size: 48,
  },
  "P-521": {
    prime: 2n ** 521n - 1n,
    a: -3n,
    b: 0x0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
    size: 66,
  },
  secp256k1: { prime: 2n ** 256n - 2n ** 32n - 977n, a: 0n, b: 7n, size: 32 },
};

/** Affine coordinates, as long as the curve's field. */
export interface EcPoint {
  readonly x: Uint8Array;
  readonly y: Uint8Array;
}

/** Whether both coordinates have the right length and satisfy the curve's equation. */
export function isOnCurve(curve: EcCurve, { x, y }: EcPoint): boolean {
  const { prime, size } = CURVES[curve];
  if (x.length !== size || y.length !== size) return false;
  const [xValue, yValue] = [toNumber(x), toNumber(y)];
  return xValue < prime && yValue < prime && mod(yValue * yValue, prime) === ySquared(curve, xValue);
}

/** The point of a compressed key (SEC 1, section 2.3.4); `undefined` if there is none. */
export function decompress(curve: EcCurve, bytes: Uint8Array): EcPoint | undefined {
  const { prime, size } = CURVES[curve];
  const sign = bytes[0];
  if (bytes.length !== size + 1 || (sign !== 2 && sign !== 3)) return undefined;
  const x = toNumber(bytes.subarray(1));
  if (x >= prime) return undefined;
  const square = ySquared(curve, x);
  const root = power(square, (prime + 1n) / 4n, prime);
  if (mod(root * root, prime) !== square) return undefined;
  const y = (root & 1n) === BigInt(sign & 1) ? root : mod(-root, prime);
  return { x: bytes.slice(1), y: toBytes(y, size) };
}

function ySquared(curve: EcCurve, x: bigint): bigint {
  const { prime, a, b } = CURVES[curve];
  return mod(x * x * x + a * x + b, prime);
}
