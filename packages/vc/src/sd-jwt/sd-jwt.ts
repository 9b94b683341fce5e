import { isMediaType, readJws, type Jws } from "../jwt/jws.ts";
import { truncate } from "../json.ts";
import { VcError } from "../vc-error.ts";
import { readDisclosure, type Disclosure } from "./disclosure.ts";
import { hashAlgorithmOf, type HashAlgorithm } from "./hash.ts";

/** Most disclosures of an SD-JWT. */
const MAX_DISCLOSURES = 1000;

/** `typ` of an SD-JWT VC. The second is that of drafts before 2025, which issuers still write. */
const TYPES = ["dc+sd-jwt", "vc+sd-jwt"] as const;

/** A parsed SD-JWT. Nothing in it is verified yet. */
export interface SdJwt {
  /** Signed by the issuer. */
  readonly jws: Jws;
  readonly algorithm: HashAlgorithm;
  readonly disclosures: readonly Disclosure[];
  /** The text that a key binding signs: up to the last `~`, inclusive. */
  readonly boundText: string;
  /** The key binding JWT; absent without one. */
  readonly keyBinding?: string;
}

/**
 * Parses an SD-JWT in compact serialisation, with or without a key binding.
 *
 * @throws VcError `malformed`, `too_large`, `alg_not_allowed`, `crit_unsupported`, `disclosure_invalid`
 * @see {@link https://www.rfc-editor.org/rfc/rfc9901#section-4 | RFC 9901, section 4}
 */
export async function readSdJwt(input: string, maxLength: number): Promise<SdJwt> {
  if (typeof input !== "string") throw new TypeError("An SD-JWT must be a string");
  if (input.length > maxLength) throw new VcError("too_large", `The SD-JWT has more than ${maxLength} characters`);
  const text = input.trim();
  const [token = "", ...parts] = text.split("~", MAX_DISCLOSURES + 3);
  const keyBinding = parts.pop();
  if (keyBinding === undefined) throw new VcError("malformed", "The text is not an SD-JWT: it has no ~");
  if (parts.length > MAX_DISCLOSURES) throw new VcError("too_large", `The SD-JWT has more than ${MAX_DISCLOSURES} disclosures`);
  const jws = readJws(token);
  const algorithm = hashAlgorithmOf(jws.payload);
  const disclosures = await Promise.all(parts.map((part) => readDisclosure(part, algorithm)));
  const boundText = text.slice(0, text.length - keyBinding.length);
  return { jws, algorithm, disclosures, boundText, ...(keyBinding !== "" && { keyBinding }) };
}

/**
 * Checks that the `typ` of an SD-JWT is that of a credential.
 *
 * @throws VcError `typ_invalid`
 */
export function checkCredentialType({ jws: { header } }: SdJwt): void {
  if (TYPES.some((type) => isMediaType(header["typ"], type))) return;
  throw new VcError("typ_invalid", `The typ of an SD-JWT VC must be ${TYPES[0]}, not ${truncate(JSON.stringify(header["typ"]) ?? "none")}`);
}
