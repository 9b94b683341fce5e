import { generateKeyPairSync, type KeyObject } from "node:crypto";
import type { PublicJwk } from "@parley/did";
import type { AgreementCurve } from "./curve.ts";

/** A key pair for one message. */
export interface EphemeralKey {
  readonly publicJwk: PublicJwk;
  readonly privateKey: KeyObject;
}

/** Returns the public key as a JWK: exporting a generated key later can deadlock Node 20. The types of Node lack this format. */
const publicKeyEncoding = { format: "jwk" } as never;

export function generateEphemeralKey(curve: AgreementCurve): EphemeralKey {
  const pair: { publicKey: unknown; privateKey: unknown } =
    curve === "X25519"
      ? generateKeyPairSync("x25519", { publicKeyEncoding } as never)
      : generateKeyPairSync("ec", { namedCurve: curve, publicKeyEncoding } as never);
  return { publicJwk: pair.publicKey as PublicJwk, privateKey: pair.privateKey as KeyObject };
}
