import { isJsonObject, type JsonObject } from "@parley/core";

/** The kind of a signed text, read without verification. It selects the verification that the text must pass. */
export type SignedKind = "credential" | "presentation";

/** The unverified header and claims of a JWS, or the JSON of an embedded proof or an envelope. */
interface Parts {
  readonly header: JsonObject;
  readonly content: JsonObject;
}

const PRESENTATION = /^(?:Enveloped)?VerifiablePresentation$/;
const ENVELOPE = /^data:application\/(?:vp\+)?jwt,/i;

/** Distinguishes presentations from credentials. Unreadable text counts as a credential, whose verification then reports the error. */
export function signedKind(signed: string): SignedKind {
  const { header, content } = partsOf(signed);
  // A specific `typ` decides (VC-JOSE-COSE); JWTs of VCDM 1.1 have a `vp` claim.
  const typ = typeof header["typ"] === "string" ? header["typ"].toLowerCase().replace(/^application\//, "") : "";
  if (typ === "vp+jwt") return "presentation";
  if (typ === "vc+jwt") return "credential";
  const { type, vp } = content;
  const types: readonly unknown[] = Array.isArray(type) ? type : [type];
  const isPresentation = types.some((name) => typeof name === "string" && PRESENTATION.test(name));
  return isPresentation || (isJwt(signed) && vp !== undefined) ? "presentation" : "credential";
}

/** The nonce of a presentation: `nonce` of a JWT, `challenge` of a proof. Does not verify the signature. */
export function nonceOf(signed: string): string | undefined {
  const { content } = partsOf(signed);
  if (isJwt(signed)) return textIn(content["nonce"]);
  const { id, proof } = content;
  if (typeof id === "string" && ENVELOPE.test(id)) return textIn(partsOf(id.replace(ENVELOPE, "")).content["nonce"]);
  return isJsonObject(proof) ? textIn(proof["challenge"]) : undefined;
}

function isJwt(signed: string): boolean {
  return !/^\s*\{/.test(signed);
}

function partsOf(signed: string): Parts {
  if (!isJwt(signed)) return { header: {}, content: objectIn(signed) };
  const [header = {}, content = {}] = signed.split(".", 2).map((part) => objectIn(Buffer.from(part, "base64url").toString()));
  return { header, content };
}

function objectIn(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}

function textIn(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
