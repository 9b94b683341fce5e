import { MlsError } from "../errors.ts";
import type { SignatureScheme } from "./primitives.ts";

/** The part of `@noble/post-quantum` that is used here. */
interface MlDsa {
  keygen(): { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array };
  sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array;
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
}

// A variable keeps the optional package out of what the compiler has to resolve.
const PACKAGE: string = "@noble/post-quantum/ml-dsa.js";

/** ML-DSA-87, where its package is installed. The private key is the expanded one. */
export async function mlDsa87(): Promise<SignatureScheme> {
  let scheme: MlDsa;
  try {
    ({ ml_dsa87: scheme } = (await import(PACKAGE)) as { ml_dsa87: MlDsa });
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
