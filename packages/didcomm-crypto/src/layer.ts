import type { JsonObject } from "@parley/core";
import { DidcommCryptoError } from "./didcomm-crypto-error.ts";
import { parseJwe, type Jwe } from "./jwe/parse-jwe.ts";
import { parseJws, type Jws } from "./jws/parse-jws.ts";
import type { UnpackLimits } from "./unpack-limits.ts";

/** One layer of encryption. */
export interface EncryptedLayer {
  readonly kind: "anoncrypt" | "authcrypt";
  readonly jwe: Jwe;
}

/** A signed layer. */
export interface SignedLayer {
  readonly kind: "signed";
  readonly jws: Jws;
}

/** One envelope, or the plaintext inside all of them. */
export type Layer = EncryptedLayer | SignedLayer | { readonly kind: "plaintext" };

type Kind = Layer["kind"];

/** Allowed content of each layer (DIDComm v2.1, IANA Media Types). `nothing` stands for the outermost position. */
const INSIDE: Readonly<Record<"nothing" | Exclude<Kind, "plaintext">, readonly Kind[]>> = {
  nothing: ["anoncrypt", "authcrypt", "signed"],
  anoncrypt: ["authcrypt", "signed", "plaintext"],
  authcrypt: ["signed", "plaintext"],
  signed: ["plaintext"],
};

/** The layer around another one. */
export type Outside = keyof typeof INSIDE;

/**
 * Determines the kind of a layer by its members and parses it.
 *
 * @param outside the layer around it, which limits the allowed kinds.
 * @throws DidcommCryptoError
 */
export function parseLayer(json: JsonObject, outside: Outside, limits: UnpackLimits): Layer {
  const kinds = possibleKinds(json);
  const allowed = kinds.filter((kind) => INSIDE[outside].includes(kind));
  // Rejected before its content is parsed.
  if (allowed.length === 0) throw misplaced(kinds.join(" or "), outside);
  if (kinds.includes("plaintext")) return { kind: "plaintext" };
  if (kinds.includes("signed")) return { kind: "signed", jws: parseJws(json, limits) };
  const jwe = parseJwe(json, limits);
  const kind = jwe.header.skid === undefined ? "anoncrypt" : "authcrypt";
  if (!allowed.includes(kind)) throw misplaced(kind, outside);
  return { kind, jwe };
}

/** A plaintext has a `type`; its protocol can add headers with the names of envelope members. */
function possibleKinds(json: JsonObject): readonly Kind[] {
  if (Object.hasOwn(json, "type")) return ["plaintext"];
  const [encrypted, signed] = [Object.hasOwn(json, "ciphertext"), Object.hasOwn(json, "payload")];
  if (encrypted && signed) throw new DidcommCryptoError("envelope_invalid", "The envelope has both a ciphertext and a payload");
  if (encrypted) return ["anoncrypt", "authcrypt"];
  return [signed ? "signed" : "plaintext"];
}

function misplaced(kind: string, outside: Outside): DidcommCryptoError {
  const message = kind === "plaintext" ? "The message is neither encrypted nor signed" : `DIDComm does not allow ${kind} inside ${outside}`;
  return new DidcommCryptoError("nesting_invalid", message);
}
