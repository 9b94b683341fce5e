import { MlsError } from "../errors.ts";
import type { SignatureScheme } from "./primitives.ts";

/** ML-DSA-87, where its package is installed. The private key is the expanded one. */
export async function mlDsa87(): Promise<SignatureScheme> {
  let scheme: typeof import("@noble/post-quantum/ml-dsa.js").ml_dsa87;
  try {
    ({ ml_dsa87: scheme } = await import("@noble/post-quantum/ml-dsa.js"));
  } catch (cause) {
    throw new MlsError("crypto_unavailable", "ML-DSA-87 needs @noble/post-quantum to be installed", { cause });
  }
  return {
    sign: (privateKey, message) => scheme.sign(message, privateKey),
    verify: (publicKey, message, signature) => {
      try {
        return scheme.verify(signature, message, publicKey);
      } catch {
        return false;
      }
    },
    generate: () => {
      const { publicKey, secretKey } = scheme.keygen();
      return { privateKey: secretKey, publicKey };
    },
  };
}
