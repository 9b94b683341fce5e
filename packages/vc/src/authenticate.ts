import { isJsonObject, type JsonObject } from "@parley/core";
import { didOf } from "@parley/did";
import { entriesOf } from "./json.ts";
import { verifyJws } from "./jwt/jws.ts";
import { ALGORITHMS, type Curve, type ImportedKey } from "./keys/curves.ts";
import { candidateKeys, findKey, type KeySource } from "./keys/verification-key.ts";
import type { Kind } from "./kind.ts";
import { isForCryptosuite, verifyHashData } from "./proof/cryptosuite.ts";
import type { JwsSignature, Secured } from "./secured.ts";
import { VcError } from "./vc-error.ts";

/** A signature, and the key that it names. */
interface Attempt {
  /** Absolute id of the key; `undefined` where the signature names none, or no more than the DID. */
  readonly kid: string | undefined;
  readonly algorithm: string;
  /** Whether keys on the curve make such signatures. */
  fits(curve: Curve): boolean;
  verify(key: ImportedKey): Promise<void>;
}

/** The DID that the key's id names, if it names one. */
export function signerDid({ signature }: Secured): string | undefined {
  const kid = signature.type === "json" ? signature.proof.verificationMethod : signature.jws.kid;
  return kid === undefined ? undefined : didOf(kid);
}

/** Checks that a key of the DID, for the purpose of the kind, has signed. */
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
      kid: namesNoKey(verificationMethod, did) ? undefined : verificationMethod,
      algorithm: cryptosuite,
      fits: (curve) => isForCryptosuite(curve, cryptosuite),
      verify: (key) => verifyHashData(value, { document, options, cryptosuite }, key),
    };
  }
  const { jws } = signature;
  return {
    kid: kidOf(signature, did),
    algorithm: jws.alg,
    fits: (curve) => ALGORITHMS[curve].includes(jws.alg),
    verify: (key) => verifyJws(jws, key),
  };
}

/** Tokens of VCDM 1.1 may name no key, or leave it at the fragment of the key's id, with or without its `#`. */
function kidOf({ jws: { kid }, type }: JwsSignature, did: string): string | undefined {
  if (kid === undefined && type !== "jwt") throw new VcError("kid_invalid", "The JWS names no key");
  if (kid === undefined || namesNoKey(kid, did)) return undefined;
  if (type !== "jwt" || kid.startsWith("did:")) return kid;
  return kid.startsWith("#") ? did + kid : `${did}#${kid}`;
}

/** Some issuers and wallets write their DID where the id of the key belongs. */
function namesNoKey(kid: string, did: string): boolean {
  return kid === did || kid === `${did}#`;
}

/** For signatures that name no key: any that the DID has for the purpose. */
async function verifyWithAny(attempt: Attempt, did: string, kind: Kind, source: KeySource): Promise<void> {
  const keys = (await candidateKeys(did, kind, source)).filter(({ curve }) => attempt.fits(curve));
  if (keys.length === 0) {
    throw new VcError("key_not_found", `The document has no key for ${kind.relationship} with ${attempt.algorithm}`);
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
