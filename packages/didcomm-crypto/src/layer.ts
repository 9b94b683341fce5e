import type { JsonObject } from "@parley/core";
import { DidcommCryptoError } from "./didcomm-crypto-error.ts";
import { parseJwe, type Jwe } from "./jwe/parse-jwe.ts";
import { parseJws, type Jws } from "./jws/parse-jws.ts";
import type { UnpackLimits } from "./limits.ts";

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

/** One envelope, or what is inside of all of them. */
export type Layer = EncryptedLayer | SignedLayer | { readonly kind: "plaintext" };

type Kind = Layer["kind"];

/** What may be inside of what (DIDComm v2.1, IANA Media Types); a message is in at least one envelope. */
const INSIDE: Readonly<Record<"nothing" | Exclude<Kind, "plaintext">, readonly Kind[]>> = {
  nothing: ["anoncrypt", "authcrypt", "signed"],
  anoncrypt: ["authcrypt", "signed", "plaintext"],
  authcrypt: ["signed", "plaintext"],
  signed: ["plaintext"],
};

/** What a layer may be inside of. */
export type Outside = keyof typeof INSIDE;

/** Reads a JSON object as the layer that its members tell it is, if it may stand here. */
export function parseLayer(json: JsonObject, outside: Outside, limits: UnpackLimits): Layer {
  const kinds = possibleKinds(json);
  const allowed = kinds.filter((kind) => INSIDE[outside].includes(kind));
  // Refused before anything in it is looked at.
  if (allowed.length === 0) throw misplaced(kinds.join(" or "), outside);
  if (kinds.includes("plaintext")) return { kind: "plaintext" };
  if (kinds.includes("signed")) return { kind: "signed", jws: parseJws(json, limits) };
  const jwe = parseJwe(json, limits);
  const kind = jwe.header.skid === undefined ? "anoncrypt" : "authcrypt";
  if (!allowed.includes(kind)) throw misplaced(kind, outside);
  return { kind, jwe };
}

/** A plaintext has a `type`, whatever other headers its protocol gave it. */
function possibleKinds(json: JsonObject): readonly Kind[] {
  if (Object.hasOwn(json, "type")) return ["plaintext"];
  const [encrypted, signed] = [Object.hasOwn(json, "ciphertext"), Object.hasOwn(json, "payload")];
  if (encrypted && signed) throw new DidcommCryptoError("envelope_invalid", "The envelope has both a ciphertext and a payload");
  if (encrypted) return ["anoncrypt", "authcrypt"];
  return [signed ? "signed" : "plaintext"];
}

function misplaced(kind: string, outside: Outside): DidcommCryptoError {
  const message = kind === "plaintext" ? "The message is neither encrypted nor signed" : `DIDComm has no ${kind} inside of ${outside}`;
  return new DidcommCryptoError("nesting_invalid", message);
}
