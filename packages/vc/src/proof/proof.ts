import { isJsonObject, type JsonObject } from "@parley/core";
import { truncate, entriesOf, without } from "../json.ts";
import type { Kind } from "../kind.ts";
import { Checker } from "../model/checker.ts";
import { VcError } from "../vc-error.ts";
import { isCryptosuite } from "./cryptosuite.ts";
import { decodeProofValue } from "./proof-value.ts";

/** A parsed Data Integrity proof that is not verified yet. */
export interface Proof {
  /** The proof without its value. */
  readonly options: JsonObject;
  readonly cryptosuite: string;
  readonly verificationMethod: string;
  readonly value: Uint8Array<ArrayBuffer>;
  readonly challenge: string | undefined;
  readonly domain: readonly string[] | undefined;
  /** Milliseconds since 1970. */
  readonly expires: number | undefined;
}

const check = new Checker("proof_invalid");

/**
 * Separates a document from its proof: a single Data Integrity proof, neither a set nor a chain.
 *
 * The returned document is the part that the proof covers. If the proof has an `@context`, the document's must start with it and is replaced
 * by it, which removes contexts that were appended after signing.
 *
 * @throws VcError `proof_missing`, `proof_invalid`, `format_unsupported`, `alg_not_allowed`
 * @see {@link https://www.w3.org/TR/vc-data-integrity/#proofs | Data Integrity, section 2.1}
 */
export function readProof(secured: JsonObject, kind: Kind): { proof: Proof; document: JsonObject } {
  const proof = onlyProof(secured["proof"]);
  const { type, cryptosuite, proofPurpose, proofValue, verificationMethod, challenge, domain, expires, created } = proof;
  if (type !== "DataIntegrityProof") {
    const found = truncate(JSON.stringify(type) ?? "none");
    throw new VcError("format_unsupported", `The type of a proof must be DataIntegrityProof, not ${found}`);
  }
  const suite = check.text(cryptosuite, "proof.cryptosuite");
  if (!isCryptosuite(suite)) throw new VcError("alg_not_allowed", `The cryptosuite ${truncate(suite)} is not supported`);
  if (proofPurpose !== kind.relationship) check.fail("proof.proofPurpose", `must be ${kind.relationship}`);
  if (proof["previousProof"] !== undefined) check.fail("proof.previousProof", "is not supported: proof chains are rejected");
  if (created !== undefined) check.date(created, "proof.created");
  check.optionalId(proof["id"], "proof.id");
  return {
    proof: {
      options: without(proof, new Set(["proofValue"])),
      cryptosuite: suite,
      verificationMethod: check.text(verificationMethod, "proof.verificationMethod"),
      value: readValue(proofValue),
      challenge: challenge === undefined ? undefined : check.text(challenge, "proof.challenge"),
      domain: domain === undefined ? undefined : check.types(domain, "proof.domain"),
      expires: expires === undefined ? undefined : check.date(expires, "proof.expires"),
    },
    document: coveredBy(proof, without(secured, new Set(["proof"]))),
  };
}

function onlyProof(value: JsonObject[string]): JsonObject {
  if (value === undefined) throw new VcError("proof_missing", "The document has no proof");
  const entries = entriesOf(value);
  const [proof] = entries;
  if (entries.length !== 1 || !isJsonObject(proof)) return check.fail("proof", "must be a single proof");
  return proof;
}

function readValue(value: JsonObject[string]): Uint8Array<ArrayBuffer> {
  return (
    decodeProofValue(check.text(value, "proof.proofValue")) ?? check.fail("proof.proofValue", "must be a signature in multibase base58btc")
  );
}

/**
 * The document as the proof signs it: with the `@context` of the proof. The document's own may have more entries after it, which others added later.
 */
function coveredBy({ "@context": signed }: JsonObject, document: JsonObject): JsonObject {
  if (signed === undefined) return document;
  const present = entriesOf(document["@context"]);
  const starts = entriesOf(signed).every((entry, i) => JSON.stringify(entry) === JSON.stringify(present[i]));
  if (!starts) check.fail("@context", "must start with the @context of the proof");
  return { ...document, "@context": signed };
}
