import type { CiphersuiteImpl } from "ts-mls";
import { MlsError } from "../errors.ts";
import { handshakeAead, handshakeHash, handshakeKdf, handshakeSignature } from "./handshake.ts";
import type { Primitives, SignatureScheme } from "./primitives.ts";
import type { Suite } from "./suites.ts";

const KEM_PACKAGES: Partial<Record<Suite["kem"], string>> = {
  "ML-KEM-512": "@hpke/ml-kem",
  "ML-KEM-768": "@hpke/ml-kem",
  "ML-KEM-1024": "@hpke/ml-kem",
  "X-Wing": "@hpke/hybridkem-x-wing",
};

/** ts-mls's HPKE, whose post-quantum KEMs are optional packages, with everything else from here. */
export async function createPostQuantumHandshake(
  suite: Suite,
  primitives: Primitives,
  signature: SignatureScheme,
): Promise<CiphersuiteImpl> {
  const { defaultCryptoProvider, getCiphersuiteFromName } = await import("ts-mls");
  let base: CiphersuiteImpl;
  try {
    base = await defaultCryptoProvider.getCiphersuiteImpl(getCiphersuiteFromName(suite.name));
  } catch (cause) {
    throw missing(suite, packagesOf(suite), cause);
  }
  return {
    name: suite.name,
    hash: handshakeHash(primitives, suite.hash),
    kdf: handshakeKdf(primitives, suite.kdf),
    hpke: { ...base.hpke, ...handshakeAead(primitives.aead(suite.aead)) },
    signature: handshakeSignature(signature),
    rng: { randomBytes: primitives.random },
  };
}

function packagesOf(suite: Suite): readonly string[] {
  return [
    ...[KEM_PACKAGES[suite.kem] ?? []].flat(),
    ...(suite.aead === "ChaCha20-Poly1305" ? ["@hpke/chacha20poly1305"] : []),
    ...(suite.signature === "ML-DSA-87" ? ["@noble/post-quantum"] : []),
  ];
}

function missing(suite: Suite, packages: readonly string[], cause: unknown): MlsError {
  return new MlsError("crypto_unavailable", `${suite.name} needs ${packages.join(", ")} to be installed`, { cause });
}
