import { checkTime } from "../check-numbers.ts";
import { readJws, signJws, verifyJws } from "../jwt/jws.ts";
import { importPrivateKey, type SigningKey } from "../keys/signing-key.ts";
import { VcError } from "../vc-error.ts";
import { DEFAULT_LIMITS } from "../vc-limits.ts";
import { claimTreeOf, matchesPath, missingPaths, type ClaimPath } from "./claim-path.ts";
import { readCredentialClaims } from "./credential-claims.ts";
import type { Disclosure } from "./disclosure.ts";
import { digestOf } from "./hash.ts";
import { KEY_BINDING_TYPE, readConfirmationKey } from "./key-binding.ts";
import { reveal } from "./reveal.ts";
import { checkCredentialType, readSdJwt } from "./sd-jwt.ts";

/** Options of {@link presentSdJwt}. */
export interface PresentSdJwtOptions {
  /**
   * The claims to disclose, with what contains them. Disclosable parts of a claim are disclosed only if they are named too. `"all"` discloses
   * everything.
   */
  readonly disclose: readonly ClaimPath[] | "all";
  /** Binds the presentation to a verifier and a challenge. Required if the credential names a key of its holder. */
  readonly keyBinding?: {
    /** The private key of the credential's `cnf`. */
    readonly privateKey: SigningKey["privateKey"];
    /** The verifier's challenge. */
    readonly nonce: string;
    /** The verifier's id. */
    readonly audience: string;
  };
  /** Returns the current time in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

/**
 * Selects the claims of an SD-JWT that a verifier sees, and signs the selection. The credential itself is not verified.
 *
 * @throws VcError `disclosure_invalid` if the credential has no claim at a path; `key_binding_missing` if the credential requires a key binding;
 * `key_binding_invalid` if it names no key, or another one; the codes for text that cannot be parsed.
 * @throws TypeError if an option is invalid.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9901#section-7.2 | RFC 9901, section 7.2}
 *
 * @example
 * ```ts
 * import { presentSdJwt, type PresentSdJwtOptions } from "@parley/vc/sd-jwt";
 *
 * function proveCountry(credential: string, keyBinding: NonNullable<PresentSdJwtOptions["keyBinding"]>): Promise<string> {
 *   return presentSdJwt(credential, { disclose: [["address", "country"]], keyBinding });
 * }
 * ```
 */
export async function presentSdJwt(credential: string, { disclose, keyBinding, now = Date.now }: PresentSdJwtOptions): Promise<string> {
  const sdJwt = await readSdJwt(credential, DEFAULT_LIMITS.maxCredentialLength);
  checkCredentialType(sdJwt);
  if (sdJwt.keyBinding !== undefined)
    throw new VcError("key_binding_invalid", "The SD-JWT is a presentation, which cannot be presented again");
  const { claims, placed } = reveal(sdJwt.jws.payload, sdJwt.disclosures);
  const selected = new Set<Disclosure>();
  if (disclose !== "all") {
    const [missing] = missingPaths(claimTreeOf(disclose, "disclose"), claims);
    if (missing !== undefined) throw new VcError("disclosure_invalid", `The credential has no claim at ${JSON.stringify(missing)}`);
  }
  for (const { disclosure, path, ancestors } of placed) {
    if (disclose !== "all" && !disclose.some((wanted) => startsWithMatch(wanted, path))) continue;
    for (const chosen of [...ancestors, disclosure]) selected.add(chosen);
  }
  const texts = sdJwt.disclosures.filter((disclosure) => selected.has(disclosure)).map(({ text }) => text);
  const bound = `${[sdJwt.jws.text, ...texts].join("~")}~`;
  const { holder } = readCredentialClaims(claims);
  if (keyBinding === undefined) {
    if (holder === undefined) return bound;
    throw new VcError("key_binding_missing", 'The credential is bound to a key of its holder: set the option "keyBinding"');
  }
  if (holder === undefined) throw new VcError("key_binding_invalid", "The credential is not bound to a key: it has no cnf");
  const { privateKey, nonce, audience } = keyBinding;
  if (!isText(nonce) || !isText(audience)) throw new TypeError("keyBinding.nonce and keyBinding.audience must be non-empty strings");
  const iat = Math.floor(checkTime(now(), "The time returned by now") / 1000);
  const payload = { iat, aud: audience, nonce, sd_hash: await digestOf(bound, sdJwt.algorithm) };
  const token = await signJws(payload, { typ: KEY_BINDING_TYPE }, await importPrivateKey(privateKey));
  if ("jwk" in holder) await checkHolderKey(token, holder.jwk);
  return bound + token;
}

/** Whether a claim contains the wanted one, or is it. */
function startsWithMatch(wanted: ClaimPath, path: readonly (string | number)[]): boolean {
  return path.length <= wanted.length && matchesPath(wanted.slice(0, path.length), path);
}

async function checkHolderKey(token: string, jwk: Parameters<typeof readConfirmationKey>[0]): Promise<void> {
  const { key } = await readConfirmationKey(jwk);
  try {
    await verifyJws(readJws(token), key);
  } catch (error) {
    throw new VcError("key_binding_invalid", "keyBinding.privateKey is not the key that the credential is bound to", { cause: error });
  }
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}
