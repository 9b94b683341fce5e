import type { JsonObject } from "@parley/core";
import type { Signer } from "../keys/signing-key.ts";
import { encodeBase58 } from "./base58.ts";
import { cryptosuiteOf, signHashData } from "./cryptosuite.ts";

/** A document with a Data Integrity proof. The proof repeats the document's `@context`, so that nobody can append to it unnoticed. */
export async function addProof(document: JsonObject, signer: Signer, members: JsonObject): Promise<JsonObject> {
  const options: JsonObject = {
    "@context": document["@context"],
    type: "DataIntegrityProof",
    cryptosuite: cryptosuiteOf(signer.curve),
    verificationMethod: signer.kid,
    ...members,
  };
  const signature = await signHashData(document, options, signer);
  return { ...document, proof: { ...options, proofValue: `z${encodeBase58(signature)}` } };
}
