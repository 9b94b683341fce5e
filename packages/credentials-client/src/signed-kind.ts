import { isJsonObject } from "@parley/core";

/** What a signed text says it is. Nothing of it has been verified; it only tells which verification it must pass. */
export type SignedKind = "credential" | "presentation";

const PRESENTATION = /^(?:Enveloped)?VerifiablePresentation$/;

/** Tells presentations from credentials. Whatever can't be read is a credential, whose verification says what is wrong with it. */
export function signedKind(signed: string): SignedKind {
  const isPresentation = /^\s*\{/.test(signed) ? isPresentationObject(parse(signed)) : isPresentationJwt(signed);
  return isPresentation ? "presentation" : "credential";
}

function isPresentationObject(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  const { type } = value;
  const types: readonly unknown[] = Array.isArray(type) ? type : [type];
  return types.some((name) => typeof name === "string" && PRESENTATION.test(name));
}

/** `typ` decides where it is specific (VC-JOSE-COSE); JWTs of VCDM 1.1 have a `vp` claim. */
function isPresentationJwt(signed: string): boolean {
  const [header, payload] = signed.split(".", 2).map((part) => parse(Buffer.from(part, "base64url").toString()));
  const typ = isJsonObject(header) && typeof header["typ"] === "string" ? header["typ"].toLowerCase().replace(/^application\//, "") : "";
  if (typ === "vp+jwt") return true;
  if (typ === "vc+jwt") return false;
  return isJsonObject(payload) && (payload["vp"] !== undefined || isPresentationObject(payload));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
