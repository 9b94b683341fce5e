import { generateKeyPairSync } from "node:crypto";
import type { PrivateJwk } from "@parley/didcomm-crypto";
import type { PublicJwk } from "@parley/did";

/** Exporting a generated key later can deadlock Node 20. The types of Node lack this format. */
const JWKS = { publicKeyEncoding: { format: "jwk" }, privateKeyEncoding: { format: "jwk" } } as never;

/** Creates a key pair as JWKs. */
export function createJwks(type: "ed25519" | "x25519"): { readonly publicKey: PublicJwk; readonly privateKey: PrivateJwk } {
  const pair: { publicKey: unknown; privateKey: unknown } =
    type === "ed25519" ? generateKeyPairSync("ed25519", JWKS) : generateKeyPairSync("x25519", JWKS);
  return { publicKey: pair.publicKey as PublicJwk, privateKey: pair.privateKey as PrivateJwk };
}
