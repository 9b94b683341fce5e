import type { DhName } from "../suites.ts";
import { x25519 } from "@noble/curves/ed25519.js";
import { x448 } from "@noble/curves/ed448.js";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { leftPad } from "../left-pad.ts";
import type { DhGroup } from "../primitives.ts";

const NIST = { "P-256": p256, "P-384": p384, "P-521": p521 };
const LENGTHS: Record<DhName, number> = { X25519: 32, X448: 56, "P-256": 32, "P-384": 48, "P-521": 66 };

export function portableDh(name: DhName): DhGroup {
  return name === "X25519" || name === "X448" ? montgomery(name) : nist(name);
}

function montgomery(name: "X25519" | "X448"): DhGroup {
  const curve = name === "X25519" ? x25519 : x448;
  const length = LENGTHS[name];
  return {
    privateLength: length,
    publicLength: length,
    importPrivate: (raw) =>
      raw.length === length
        ? {
            raw,
            publicKey: curve.getPublicKey(raw),
            // Throws for points of small order, whose shared secret would be zero (RFC 7748 §6.1).
            agree: (peer) => (peer.length === length ? attempt(() => curve.getSharedSecret(raw, peer)) : undefined),
          }
        : undefined,
  };
}

function nist(name: "P-256" | "P-384" | "P-521"): DhGroup {
  const curve = NIST[name];
  const length = LENGTHS[name];
  return {
    privateLength: length,
    publicLength: 1 + 2 * length,
    importPrivate: (scalar) => {
      const raw = leftPad(scalar, length);
      if (raw === undefined || !curve.utils.isValidSecretKey(raw)) return undefined;
      return {
        raw,
        publicKey: curve.getPublicKey(raw, false),
        agree: (point) =>
          point.length === 1 + 2 * length && point[0] === 4
            ? attempt(() => curve.getSharedSecret(raw, point, false).slice(1, 1 + length))
            : undefined,
      };
    },
  };
}

function attempt<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}
