import { isJsonObject, type JsonObject } from "@parley/core";

/** What a signed text says it is. Nothing of it has been verified; it only tells which verification it must pass. */
export type SignedKind = "credential" | "presentation";

/** Header and claims of a JWS, or the JSON of an embedded proof or an envelope, as they claim to be. */
interface Parts {
  readonly header: JsonObject;
  readonly content: JsonObject;
}

const PRESENTATION = /^(?:Enveloped)?VerifiablePresentation$/;
const ENVELOPE = /^data:application\/(?:vp\+)?jwt,/i;

/** Tells presentations from credentials. Whatever can't be read is a credential, whose verification says what is wrong with it. */
export function signedKind(signed: string): SignedKind {
  const { header, content } = partsOf(signed);
  // `typ` decides where it is specific (VC-JOSE-COSE); JWTs of VCDM 1.1 have a `vp` claim.
  const typ = typeof header["typ"] === "string" ? header["typ"].toLowerCase().replace(/^application\//, "") : "";
  if (typ === "vp+jwt") return "presentation";
  if (typ === "vc+jwt") return "credential";
  const { type, vp } = content;
  const types: readonly unknown[] = Array.isArray(type) ? type : [type];
  const isPresentation = types.some((name) => typeof name === "string" && PRESENTATION.test(name));
  return isPresentation || (isJwt(signed) && vp !== undefined) ? "presentation" : "credential";
}

/** The nonce that a presentation names, whose signature somebody else has verified: `nonce` of a JWT, `challenge` of a proof. */
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
