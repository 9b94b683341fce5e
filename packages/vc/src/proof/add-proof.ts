import type { JsonObject } from "@parley/core";
import type { Signer } from "../keys/signing-key.ts";
import { cryptosuiteOf, signHashData } from "./cryptosuite.ts";
import { encodeProofValue } from "./proof-value.ts";

/**
 * Adds a Data Integrity proof to a document. The proof repeats the document's `@context`, so that later additions to it are detected.
 *
 * @throws TypeError if no cryptosuite is for the key.
 */
export async function addProof(document: JsonObject, signer: Signer, members: JsonObject): Promise<JsonObject> {
  const cryptosuite = cryptosuiteOf(signer.curve);
  if (cryptosuite === undefined) {
    throw new TypeError(`Keys of ${signer.curve} cannot sign in the format "json": use compact_jwt, jwt or enveloped`);
  }
  const options: JsonObject = {
    "@context": document["@context"],
    type: "DataIntegrityProof",
    cryptosuite,
    verificationMethod: signer.kid,
    ...members,
  };
  const signature = await signHashData(document, options, signer);
  return { ...document, proof: { ...options, proofValue: encodeProofValue(signature) } };
}
