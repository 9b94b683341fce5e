import type { WeierstrassPointCons } from "@noble/curves/abstract/weierstrass.js";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";

/** Curves whose keys have the JWK key type `EC`. */
export type EcCurve = "P-256" | "P-384" | "P-521" | "secp256k1";

/** Affine coordinates in big-endian order, each as long as an element of the curve's field. */
export interface EcPoint {
  readonly x: Uint8Array;
  readonly y: Uint8Array;
}

const POINTS: Readonly<Record<EcCurve, WeierstrassPointCons<bigint>>> = {
  "P-256": p256.Point,
  "P-384": p384.Point,
  "P-521": p521.Point,
  secp256k1: secp256k1.Point,
};

/** Whether both coordinates have the right length and satisfy the curve's equation. */
export function isOnCurve(curve: EcCurve, { x, y }: EcPoint): boolean {
  const { BYTES } = POINTS[curve].Fp;
  return x.length === BYTES && y.length === BYTES && readPoint(curve, Uint8Array.of(0x04, ...x, ...y)) !== undefined;
}

/** Decodes a compressed point (SEC 1, section 2.3.4). `undefined` for bytes that do not encode a point of the curve. */
export function decompressPoint(curve: EcCurve, bytes: Uint8Array): EcPoint | undefined {
  return bytes.length === POINTS[curve].Fp.BYTES + 1 ? decodePoint(curve, bytes) : undefined;
}

/** Decodes a compressed or uncompressed point (SEC 1, section 2.3.4). `undefined` for bytes that do not encode a point of the curve. */
export function decodePoint(curve: EcCurve, bytes: Uint8Array): EcPoint | undefined {
  const { BYTES } = POINTS[curve].Fp;
  const point = readPoint(curve, bytes);
  if (point === undefined) return undefined;
  const uncompressed = point.toBytes(false);
  return { x: uncompressed.slice(1, BYTES + 1), y: uncompressed.slice(BYTES + 1) };
}

function readPoint(curve: EcCurve, bytes: Uint8Array): { toBytes(isCompressed: boolean): Uint8Array } | undefined {
  try {
    return POINTS[curve].fromBytes(bytes);
  } catch {
    return undefined;
  }
}
