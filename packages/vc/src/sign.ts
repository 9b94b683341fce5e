import type { JsonObject } from "@parley/core";
import { isDid } from "@parley/did";
import type { CredentialFormat } from "./format.ts";
import { asJsonObject } from "./json.ts";
import { claimNames } from "./jwt/claims.ts";
import { signerOf, type SigningKey } from "./keys/signing-key.ts";
import { CREDENTIAL, PRESENTATION, type Kind } from "./kind.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { checkCredential } from "./model/credential.ts";
import { CONTEXT_V1, CONTEXT_V2 } from "./model/context.ts";
import { expressible, notNegative, readClock } from "./numbers.ts";
import { readSecured, type Secured } from "./secured.ts";
import { secure, type Purpose } from "./secure.ts";
import { envelopedCredential } from "./jwt/envelope.ts";
import { VcError } from "./vc-error.ts";

export type { SigningKey } from "./keys/signing-key.ts";

/** Options of {@link signCredential}. */
export interface SignCredentialOptions {
  /** The issuer's. */
  readonly key: SigningKey;
  /** Default `compact_jwt`. */
  readonly format?: CredentialFormat;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

/** Options of {@link signPresentation}. */
export interface SignPresentationOptions {
  /** DID of the holder, which must be that of the key. */
  readonly holder: string;
  /** The holder's. */
  readonly key: SigningKey;
  /** Default `compact_jwt`. */
  readonly format?: CredentialFormat;
  /** The verifier's challenge. */
  readonly nonce?: string;
  /** Who may accept the presentation. */
  readonly audience?: string | readonly string[];
  /** Milliseconds for which it may be shown. Default 300000. */
  readonly lifetimeMs?: number;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

/**
 * Signs a credential of VCDM 2.0 or, in the format `jwt`, also of 1.1.
 *
 * The document is checked against the data model and signed as it is, but for one member: an absent `issuer` becomes the DID of the key.
 *
 * @returns the signed credential, as text in all formats.
 * @throws VcError `credential_invalid`, with the path of what is wrong; `issuer_mismatch`, if it names another issuer; `too_large`.
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
  const signer = await signerOf(key);
  const given = asJsonObject(credential, "The credential");
  const document: JsonObject = given["issuer"] === undefined ? { ...given, issuer: signer.did } : given;
  const { version, issuer } = checkCredential(document, "to sign");
  if (issuer !== signer.did) throw new VcError("issuer_mismatch", "The credential's issuer is not the DID of the key");
  if (version === "1.1" && format !== "jwt") throw new VcError("credential_invalid", `@context[0] must be ${CONTEXT_V2}`);
  refuseClaims(document, format);
  const signed = await secure(document, { kind: CREDENTIAL, party: issuer, now: readClock(now) }, signer, format);
  return readable(signed, CREDENTIAL, DEFAULT_LIMITS.maxCredentialLength);
}

/**
 * Signs a presentation of signed credentials, which may have any of the formats.
 *
 * The credentials are read, and not verified.
 *
 * @returns the signed presentation, as text in all formats.
 * @throws VcError `holder_mismatch`, if the key is not the holder's; `too_large`; what keeps a credential from being read, with
 * `credentialIndex`.
 */
export async function signPresentation(credentials: readonly string[], options: SignPresentationOptions): Promise<string> {
  const { holder, key, format = "compact_jwt", nonce, audience, lifetimeMs = 300_000, now = Date.now } = options;
  const signer = await signerOf(key);
  if (!isDid(holder) || holder !== signer.did) throw new VcError("holder_mismatch", "The holder is not the DID of the key");
  checkBinding(nonce, audience);
  const { maxCredentials, maxPresentationLength } = DEFAULT_LIMITS;
  if (credentials.length > maxCredentials) throw new VcError("too_large", `A presentation has at most ${maxCredentials} credentials`);
  const presentation: JsonObject = {
    "@context": [format === "jwt" ? CONTEXT_V1 : CONTEXT_V2],
    type: ["VerifiablePresentation"],
    holder,
    ...(credentials.length > 0 && { verifiableCredential: credentials.map((signed, i) => asPart(signed, i, format)) }),
  };
  const time = readClock(now);
  const expires = expressible(time + notNegative(lifetimeMs, "lifetimeMs"), "The end of lifetimeMs");
  const purpose: Purpose = { kind: PRESENTATION, party: holder, now: time, expires, nonce, audience };
  return readable(await secure(presentation, purpose, signer, format), PRESENTATION, maxPresentationLength);
}

/** A signed credential as it stands in a presentation of a format. */
function asPart(signed: string, index: number, format: CredentialFormat): string | JsonObject {
  if (typeof signed !== "string") throw new TypeError("A signed credential is a text");
  const { signature } = readNumbered(signed, index);
  if (signature.type === "json") return JSON.parse(signed) as JsonObject;
  // VCDM 1.1 has the JWT itself; VCDM 2.0 only knows objects.
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

/** A member that JWT has a meaning for would not come back as part of the credential. */
function refuseClaims(document: JsonObject, format: CredentialFormat): void {
  if (format === "json" || format === "jwt") return;
  for (const claim of [...claimNames("vc"), "vc", "vp"]) {
    if (document[claim] !== undefined) throw new VcError("credential_invalid", `${claim} is a claim of JWT and can't be a member`);
  }
}

function checkBinding(nonce: unknown, audience: unknown): void {
  const isText = (value: unknown): boolean => typeof value === "string" && value !== "";
  if (nonce !== undefined && !isText(nonce)) throw new TypeError("nonce must be a text that is not empty");
  const audiences: readonly unknown[] = Array.isArray(audience) ? audience : [audience];
  if (audience !== undefined && (audiences.length === 0 || !audiences.every(isText))) {
    throw new TypeError("audience must be a text, or a list of texts, that is not empty");
  }
}

/** A format can add to length and nesting: what no verifier would read is not given out. */
function readable(signed: string, kind: Kind, maxLength: number): string {
  readSecured(signed, kind, maxLength);
  return signed;
}
