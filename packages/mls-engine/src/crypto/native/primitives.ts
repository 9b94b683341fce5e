import type { DhName, SignatureName } from "../suites.ts";
import { portablePrimitives } from "../portable/primitives.ts";
import type { Primitives } from "../primitives.ts";
import { nativeAead } from "./aead.ts";
import { nativeDigest } from "./digest.ts";
import { nativeEcdsa } from "./ecdsa.ts";
import { nativeEdwards } from "./edwards.ts";
import { nativeMontgomery } from "./montgomery.ts";
import { nativeNistDh } from "./nist-dh.ts";
import type { NodeCrypto } from "./node-module.ts";
import { pooledRandom } from "./pooled-random.ts";

/** The implementation on node:crypto. Curves that the runtime's node:crypto lacks are implemented in JavaScript. */
export function nativePrimitives(node: NodeCrypto): Primitives {
  return {
    digest: (name) => nativeDigest(node, name),
    aead: (name) => nativeAead(node, name),
    signature: (name) => (isEdwards(name) ? (nativeEdwards(node, name) ?? portablePrimitives.signature(name)) : nativeEcdsa(node, name)),
    dh: (name) => (isMontgomery(name) ? (nativeMontgomery(node, name) ?? portablePrimitives.dh(name)) : nativeNistDh(node, name)),
    random: pooledRandom(node),
  };
}

function isEdwards(name: SignatureName): name is "Ed25519" | "Ed448" {
  return name === "Ed25519" || name === "Ed448";
}

function isMontgomery(name: DhName): name is "X25519" | "X448" {
  return name === "X25519" || name === "X448";
}
