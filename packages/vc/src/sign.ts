import type { JsonObject } from "@parley/core";
import { isDid } from "@parley/did";
import type { CredentialFormat } from "./credential-format.ts";
import { toJsonObject } from "./json.ts";
import { claimNames } from "./jwt/claims.ts";
import { importSigner, type SigningKey } from "./keys/signing-key.ts";
import { CREDENTIAL, PRESENTATION, type Kind } from "./kind.ts";
import { DEFAULT_LIMITS } from "./vc-limits.ts";
import { checkCredential } from "./model/credential.ts";
import { CONTEXT_V1, CONTEXT_V2 } from "./model/context.ts";
import { checkNotNegative, checkTime } from "./check-numbers.ts";
import { readSecured, type Secured } from "./secured.ts";
import { secure, type Purpose } from "./secure.ts";
import { envelopedCredential } from "./jwt/envelope.ts";
import { VcError } from "./vc-error.ts";

export type { SigningKey } from "./keys/signing-key.ts";

/** Name of the time in error messages. */
const CLOCK = "The time returned by now";

/** Options of {@link signCredential}. */
export interface SignCredentialOptions {
  /** The issuer's key. */
  readonly key: SigningKey;
  /** Default `compact_jwt`. */
  readonly format?: CredentialFormat;
  /** Returns the current time in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

/** Options of {@link signPresentation}. */
export interface SignPresentationOptions {
  /** DID of the holder. The key must belong to it. */
  readonly holder: string;
  /** The holder's key. */
  readonly key: SigningKey;
  /** Default `compact_jwt`. */
  readonly format?: CredentialFormat;
  /** The verifier's challenge. */
  readonly nonce?: string;
  /** Ids of the verifiers that can accept the presentation. */
  readonly audience?: string | readonly string[];
  /** Validity of the presentation, in milliseconds. Default 300000. */
  readonly lifetimeMs?: number;
  /** Returns the current time in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

/**
 * Signs a credential of VCDM 2.0 or, in the format `jwt`, also of 1.1.
 *
 * The document is checked against the data model and signed unchanged, except that a missing `issuer` becomes the DID of the key.
 *
 * @returns the signed credential, a string in all formats.
 * @throws VcError `credential_invalid`, naming the path of the invalid member; `issuer_mismatch`, if it names another issuer; `too_large`.
 * @throws TypeError if an option is invalid.
 *
 * @example
 * ```ts
 * import { signCredential, type SigningKey } from "@parley/vc";
 *
 * function issue(subject: string, key: SigningKey): Promise<string> {
 *   const credential = {
 *     "@context": ["https://www.w3.org/ns/credentials/v2"],
 *     type: ["VerifiableCredential", "MembershipCredential"],
 *     credentialSubject: { id: subject, level: "gold" },
 *   };
 *   return signCredential(credential, { key });
 * }
 * ```
 */
export async function signCredential(
  credential: JsonObject,
  { key, format = "compact_jwt", now = Date.now }: SignCredentialOptions,
): Promise<string> {
  const signer = await importSigner(key);
  const given = toJsonObject(credential, "The credential");
  const document: JsonObject = given["issuer"] === undefined ? { ...given, issuer: signer.did } : given;
  const { version, issuer } = checkCredential(document, "to sign");
  if (issuer !== signer.did) throw new VcError("issuer_mismatch", "The credential's issuer is not the DID of the key");
  if (version === "1.1" && format !== "jwt") throw new VcError("credential_invalid", `@context[0] must be ${CONTEXT_V2}`);
  checkNoClaims(document, format);
  const signed = await secure(document, { kind: CREDENTIAL, party: issuer, now: checkTime(now(), CLOCK) }, signer, format);
  return checkReadable(signed, CREDENTIAL, DEFAULT_LIMITS.maxCredentialLength);
}

/**
 * Signs a presentation of signed credentials in any of the formats. The credentials are parsed, but not verified.
 *
 * @returns the signed presentation, a string in all formats.
 * @throws VcError `holder_mismatch`, if the key is not the holder's; `too_large`; the code for a credential that cannot be parsed, with
 * `credentialIndex`.
 * @throws TypeError if an option is invalid.
 */
export async function signPresentation(credentials: readonly string[], options: SignPresentationOptions): Promise<string> {
  const { holder, key, format = "compact_jwt", nonce, audience, lifetimeMs = 300_000, now = Date.now } = options;
  const signer = await importSigner(key);
  if (!isDid(holder) || holder !== signer.did) throw new VcError("holder_mismatch", "The holder is not the DID of the key");
  checkBinding(nonce, audience);
  const { maxCredentials, maxPresentationLength } = DEFAULT_LIMITS;
  if (credentials.length > maxCredentials) throw new VcError("too_large", `The presentation has more than ${maxCredentials} credentials`);
  const presentation: JsonObject = {
    "@context": [format === "jwt" ? CONTEXT_V1 : CONTEXT_V2],
    type: ["VerifiablePresentation"],
    holder,
    ...(credentials.length > 0 && { verifiableCredential: credentials.map((signed, i) => toPart(signed, i, format)) }),
  };
  const time = checkTime(now(), CLOCK);
  const expires = checkTime(time + checkNotNegative(lifetimeMs, "lifetimeMs"), "The end of lifetimeMs");
  const purpose: Purpose = { kind: PRESENTATION, party: holder, now: time, expires, nonce, audience };
  return checkReadable(await secure(presentation, purpose, signer, format), PRESENTATION, maxPresentationLength);
}

/** Converts a signed credential to its representation within a presentation of the given format. */
function toPart(signed: string, index: number, format: CredentialFormat): string | JsonObject {
  if (typeof signed !== "string") throw new TypeError("A signed credential must be a string");
  const { signature } = readNumbered(signed, index);
  if (signature.type === "json") return JSON.parse(signed) as JsonObject;
  // VCDM 1.1 contains the JWT itself; VCDM 2.0 allows objects only.
  return format === "jwt" ? signature.jws.text : envelopedCredential(signature.jws.text, signature.type);
}

function readNumbered(signed: string, index: number): Secured {
  try {
    return readSecured(signed, CREDENTIAL, DEFAULT_LIMITS.maxCredentialLength);
  } catch (error) {
    if (!(error instanceof VcError)) throw error;
    throw new VcError(error.code, `Credential ${index}: ${error.message}`, { cause: error, credentialIndex: index });
  }
}

/** Rejects members with the names of JWT claims: verification would remove them from the credential. */
function checkNoClaims(document: JsonObject, format: CredentialFormat): void {
  if (format === "json" || format === "jwt") return;
  for (const claim of [...claimNames("vc"), "vc", "vp"]) {
    if (document[claim] !== undefined)
      throw new VcError("credential_invalid", `${claim} is the name of a JWT claim and cannot be a member`);
  }
}

function checkBinding(nonce: unknown, audience: unknown): void {
  const isText = (value: unknown): boolean => typeof value === "string" && value !== "";
  if (nonce !== undefined && !isText(nonce)) throw new TypeError("nonce must be a non-empty string");
  const audiences: readonly unknown[] = Array.isArray(audience) ? audience : [audience];
  if (audience !== undefined && (audiences.length === 0 || !audiences.every(isText))) {
    throw new TypeError("audience must be a non-empty string or a non-empty list of such strings");
  }
}

/** Parses the signed document as a verifier would: a format can add length and nesting, beyond what verifiers accept. */
function checkReadable(signed: string, kind: Kind, maxLength: number): string {
  readSecured(signed, kind, maxLength);
  return signed;
}
