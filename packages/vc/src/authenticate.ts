import { isJsonObject, type JsonObject } from "@parley/core";
import { didOf } from "@parley/did";
import { entriesOf } from "./json.ts";
import { verifyJws, type Jws } from "./jwt/jws.ts";
import { ALGORITHMS } from "./keys/curves.ts";
import { candidateKeys, findKey, type KeySource } from "./keys/verification-key.ts";
import type { Kind } from "./kind.ts";
import { verifyHashData } from "./proof/cryptosuite.ts";
import type { JwsSignature, Secured } from "./secured.ts";
import { VcError } from "./vc-error.ts";

/** The DID that the key's id names, if it names one. */
export function signerDid({ signature }: Secured): string | undefined {
  const kid = signature.type === "json" ? signature.proof.verificationMethod : signature.jws.kid;
  return kid === undefined ? undefined : didOf(kid);
}

/** Checks that a key of the DID, for the purpose of the kind, has signed. */
export async function authenticate({ document, signature }: Secured, did: string, kind: Kind, source: KeySource): Promise<void> {
  if (signature.type === "json") {
    const { options, cryptosuite, verificationMethod, value } = signature.proof;
    const key = await findKey(verificationMethod, did, kind, source);
    return verifyHashData(value, { document, options, cryptosuite }, key);
  }
  checkClaims(signature, document, did, kind);
  const { jws, type } = signature;
  if (jws.kid === undefined && type === "jwt") return verifyWithAny(jws, did, kind, source);
  const key = await findKey(absoluteKid(signature, did), did, kind, source);
  return verifyJws(jws, key);
}

/** Tokens of VCDM 1.1 may leave it at the fragment of the key's id, with or without its `#`. */
function absoluteKid({ jws: { kid }, type }: JwsSignature, did: string): string {
  if (kid === undefined) throw new VcError("kid_invalid", "The JWS names no key");
  if (type !== "jwt" || kid.startsWith("did:")) return kid;
  return kid.startsWith("#") ? did + kid : `${did}#${kid}`;
}

/** For tokens of VCDM 1.1 that name no key at all. */
async function verifyWithAny(jws: Jws, did: string, kind: Kind, source: KeySource): Promise<void> {
  const keys = (await candidateKeys(did, kind, source)).filter(({ curve }) => ALGORITHMS[curve].includes(jws.alg));
  if (keys.length === 0) throw new VcError("key_not_found", `The document has no key for ${kind.relationship} with ${jws.alg}`);
  for (const key of keys) {
    try {
      await verifyJws(jws, key);
      return;
    } catch (error) {
      if (!(error instanceof VcError) || error.code !== "signature_invalid") throw error;
    }
  }
  throw new VcError("signature_invalid", "No key of the DID signed this JWS");
}

/** Checks claims and header members that repeat what the document says (RFC 7519, section 4.1 and 5.3). */
function checkClaims({ jws, claims, type }: JwsSignature, document: JsonObject, did: string, kind: Kind): void {
  for (const iss of [claims.iss, jws.header["iss"]]) {
    if (iss !== undefined && iss !== did) throw new VcError(kind.mismatch, `The claim iss is not who the ${kind.name} is from`);
  }
  if (type === "jwt") return;
  if (claims.jti !== undefined && claims.jti !== document["id"]) throw new VcError("claims_invalid", "The claim jti is not the id");
  if (claims.sub === undefined || kind.name === "presentation") return;
  const subjects = entriesOf(document["credentialSubject"]).filter(isJsonObject);
  if (!subjects.some(({ id }) => id === claims.sub)) throw new VcError("claims_invalid", "The claim sub is no subject");
}
