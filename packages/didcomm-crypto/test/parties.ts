import { generateKeyPairSync } from "node:crypto";
import type { PublicJwk } from "@parley/did";
import type { PrivateJwk, UnpackOptions } from "../src/index.ts";
import type { Curve } from "../src/keys/curve.ts";

/** A key pair with an id. It is both an OwnKey and a PeerKey. */
export interface TestKey {
  readonly kid: string;
  readonly curve: Curve;
  readonly privateKey: PrivateJwk;
  readonly publicKey: PublicJwk;
}

/** A party with keys on every curve. */
export interface Party {
  readonly did: string;
  readonly keys: ReadonlyMap<string, TestKey>;
  /** The first key on a curve. */
  key(curve: Curve): TestKey;
}

export const AGREEMENT_CURVES = ["X25519", "P-256", "P-384", "P-521"] as const;
export const SIGNING_CURVES = ["Ed25519", "P-256", "P-384"] as const;

const encodings = { publicKeyEncoding: { format: "jwk" }, privateKeyEncoding: { format: "jwk" } };

export function generateKey(kid: string, curve: Curve): TestKey {
  const pair: { publicKey: unknown; privateKey: unknown } =
    curve === "X25519"
      ? generateKeyPairSync("x25519", encodings as never)
      : curve === "Ed25519"
        ? generateKeyPairSync("ed25519", encodings as never)
        : generateKeyPairSync("ec", { namedCurve: curve, ...encodings } as never);
  return { kid, curve, publicKey: pair.publicKey as PublicJwk, privateKey: pair.privateKey as PrivateJwk };
}

/** @param count keys on each curve. */
export function createParty(did: string, count = 1): Party {
  const keys = new Map<string, TestKey>();
  for (const curve of new Set<Curve>([...AGREEMENT_CURVES, ...SIGNING_CURVES, "secp256k1"])) {
    for (let i = 1; i <= count; i += 1) {
      const kid = `${did}#${curve.toLowerCase()}-${i}`;
      keys.set(kid, generateKey(kid, curve));
    }
  }
  return {
    did,
    keys,
    key(curve) {
      const key = keys.get(`${did}#${curve.toLowerCase()}-1`);
      if (key === undefined) throw new Error(`No key of ${curve}`);
      return key;
    },
  };
}

/** How a party unpacks what comes from others. */
export function reading(own: Party, ...peers: readonly Party[]): UnpackOptions {
  const publicKey = (kid: string): PublicJwk | undefined => peers.map(({ keys }) => keys.get(kid)?.publicKey).find((key) => key);
  return { recipientKey: (kid) => own.keys.get(kid)?.privateKey, senderKey: publicKey, signerKey: publicKey };
}
