import { MlsEngineError } from "../../errors.ts";
import type { SignatureScheme } from "../primitives.ts";
import { cacheKeys } from "./key-cache.ts";
import { base64url, type NodeCrypto } from "./node-module.ts";
import { okpImport, okpPublicKey } from "./okp-import.ts";
import { verifyInThreadPool } from "./verify-in-thread-pool.ts";

const LENGTHS = { Ed25519: 32, Ed448: 57 } as const;

/** Ed25519 and Ed448; `undefined` if the runtime doesn't support the curve. The private key is the seed. */
export function nativeEdwards(node: NodeCrypto, crv: keyof typeof LENGTHS): SignatureScheme | undefined {
  const length = LENGTHS[crv];
  const importSeed = okpImport(node, crv);
  if (importSeed === undefined) return undefined;
  const publicKey = cacheKeys((raw) => node.createPublicKey({ key: { kty: "OKP", crv, x: base64url(raw) }, format: "jwk" }));
  const privateKey = cacheKeys((seed) => {
    if (seed.length !== length) throw new MlsEngineError("malformed", `A private key of ${crv} must have ${length} bytes`);
    return importSeed(seed);
  });

  return {
    sign: (seed, message) => new Uint8Array(node.sign(null, message, privateKey(seed))),
    verify: (raw, message, signature) => {
      if (raw.length !== length || signature.length !== 2 * length) return false;
      try {
        return node.verify(null, message, publicKey(raw), signature);
      } catch {
        return false;
      }
    },
    verifyInBackground: async (raw, message, signature) =>
      raw.length === length && signature.length === 2 * length && verifyInThreadPool(node, null, message, () => publicKey(raw), signature),
    generate: () => {
      const seed = node.randomFillSync(new Uint8Array(length));
      return { privateKey: seed, publicKey: okpPublicKey(node, privateKey(seed)) };
    },
  };
}
