import type { JsonObject } from "@parley/core";
import type { Signer } from "../keys/signing-key.ts";
import { cryptosuiteOf, signHashData } from "./cryptosuite.ts";
import { encodeProofValue } from "./proof-value.ts";

/** Adds a Data Integrity proof to a document. The proof repeats the document's `@context`, so that later additions to it are detected. */
export async function addProof(document: JsonObject, signer: Signer, members: JsonObject): Promise<JsonObject> {
  const options: JsonObject = {
    "@context": document["@context"],
    type: "DataIntegrityProof",
    cryptosuite: cryptosuiteOf(signer.curve),
    verificationMethod: signer.kid,
    ...members,
  };
  const signature = await signHashData(document, options, signer);
  return { ...document, proof: { ...options, proofValue: encodeProofValue(signature) } };
}
