import { isJsonObject, type JsonObject } from "@parley/core";
import { didOf } from "@parley/did";
import { entriesOf } from "./json.ts";
import { verifyJws } from "./jwt/jws.ts";
import { ALGORITHMS, type Curve, type VerifyingKey } from "./keys/curves.ts";
import { candidateKeys, findKey, type KeySource } from "./keys/verification-key.ts";
import type { Kind } from "./kind.ts";
import { isForCryptosuite, verifyHashData } from "./proof/cryptosuite.ts";
import type { JwsSignature, Secured } from "./secured.ts";
import { VcError } from "./vc-error.ts";

/** The verification of one signature with a key that is still to be found. */
interface Attempt {
  /** Absolute id of the key; `undefined` if the signature names no key, or only the DID. */
  readonly kid: string | undefined;
  readonly algorithm: string;
  /** Whether keys on the curve can create such signatures. */
  acceptsCurve(curve: Curve): boolean;
  verify(key: VerifyingKey): Promise<void>;
}

/** The DID in the id of the signing key. `undefined` without an id, or if it is not a DID URL. */
export function signerDid({ signature }: Secured): string | undefined {
  const kid = signature.type === "json" ? signature.proof.verificationMethod : signature.jws.kid;
  return kid === undefined ? undefined : didOf(kid);
}

/**
 * Checks that the document was signed with a key that the DID document lists for the purpose of the kind.
 *
 * @throws VcError
 */
export async function authenticate(secured: Secured, did: string, kind: Kind, source: KeySource): Promise<void> {
  const { document, signature } = secured;
  if (signature.type !== "json") checkClaims(signature, document, did, kind);
  const attempt = attemptOf(secured, did);
  if (attempt.kid === undefined) return verifyWithAny(attempt, did, kind, source);
  return attempt.verify(await findKey(attempt.kid, did, kind, source));
}

function attemptOf({ document, signature }: Secured, did: string): Attempt {
  if (signature.type === "json") {
    const { options, cryptosuite, verificationMethod, value } = signature.proof;
    return {
      kid: isBareDid(verificationMethod, did) ? undefined : verificationMethod,
      algorithm: cryptosuite,
      acceptsCurve: (curve) => isForCryptosuite(curve, cryptosuite),
      verify: (key) => verifyHashData(value, { document, options, cryptosuite }, key),
    };
  }
  const { jws } = signature;
  return {
    kid: kidOf(signature, did),
    algorithm: jws.alg,
    acceptsCurve: (curve) => ALGORITHMS[curve].includes(jws.alg),
    verify: (key) => verifyJws(jws, key),
  };
}

/** Tokens of VCDM 1.1 may omit the key id, or give only its fragment, with or without `#`. */
function kidOf({ jws: { kid }, type }: JwsSignature, did: string): string | undefined {
  if (kid === undefined && type !== "jwt") throw new VcError("kid_invalid", "The JWS has no kid");
  if (kid === undefined || isBareDid(kid, did)) return undefined;
  if (type !== "jwt" || kid.startsWith("did:")) return kid;
  return kid.startsWith("#") ? did + kid : `${did}#${kid}`;
}

/** Whether a key id is only the DID, as some issuers and wallets write it. */
function isBareDid(kid: string, did: string): boolean {
  return kid === did || kid === `${did}#`;
}

/** For signatures without a key id: tries the keys that the DID document lists for the purpose. */
async function verifyWithAny(attempt: Attempt, did: string, kind: Kind, source: KeySource): Promise<void> {
  const keys = (await candidateKeys(did, kind, source)).filter(({ curve }) => attempt.acceptsCurve(curve));
  if (keys.length === 0) {
    throw new VcError("key_not_found", `The DID document has no key for ${kind.relationship} with ${attempt.algorithm}`);
  }
  for (const key of keys) {
    try {
      await attempt.verify(key);
      return;
    } catch (error) {
      if (!(error instanceof VcError) || error.code !== "signature_invalid") throw error;
    }
  }
  throw new VcError("signature_invalid", "No key of the DID made this signature");
}

/** Checks that claims and header members agree with the document where they repeat its content (RFC 7519, sections 4.1 and 5.3). */
function checkClaims({ jws, claims, type }: JwsSignature, document: JsonObject, did: string, kind: Kind): void {
  for (const iss of [claims.iss, jws.header["iss"]]) {
    if (iss !== undefined && iss !== did)
      throw new VcError(kind.mismatch, `The claim iss is not the DID of the ${kind.name === "credential" ? "issuer" : "holder"}`);
  }
  if (type === "jwt") return;
  if (claims.jti !== undefined && claims.jti !== document["id"])
    throw new VcError("claims_invalid", "The claim jti differs from the document's id");
  if (claims.sub === undefined || kind.name === "presentation") return;
  const subjects = entriesOf(document["credentialSubject"]).filter(isJsonObject);
  if (!subjects.some(({ id }) => id === claims.sub)) throw new VcError("claims_invalid", "The claim sub is not the id of a subject");
}
