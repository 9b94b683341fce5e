import { sign, type KeyObject } from "node:crypto";
import type { JsonObject } from "@parley/core";
import type { CredentialFormat } from "../src/index.ts";
import { importSigner } from "../src/keys/signing-key.ts";
import { CREDENTIAL, PRESENTATION } from "../src/kind.ts";
import { secure, type Purpose } from "../src/secure.ts";
import { NOW, type Party } from "./parties.ts";

export const FORMATS: readonly CredentialFormat[] = ["compact_jwt", "jwt", "json", "enveloped"];
/** Those that are a JWS, bare or in an envelope. */
export const JWS_FORMATS: readonly CredentialFormat[] = ["compact_jwt", "jwt", "enveloped"];

/** Signs any document as a credential, with none of the checks. */
export async function forgeCredential(document: JsonObject, { key, did }: Party, format: CredentialFormat): Promise<string> {
  return secure(document, { kind: CREDENTIAL, party: did, now: NOW }, await importSigner(key), format);
}

/** Signs any document as a presentation, with none of the checks. */
export async function forgePresentation(
  document: JsonObject,
  { key, did }: Party,
  format: CredentialFormat,
  purpose: Partial<Purpose> = {},
): Promise<string> {
  return secure(document, { kind: PRESENTATION, party: did, now: NOW, ...purpose }, await importSigner(key), format);
}

/** The header and payload of a compact JWS. */
export function partsOf(token: string): { header: JsonObject; payload: JsonObject } {
  const [header = "", payload = ""] = token.split(".");
  return { header: decodePart(header), payload: decodePart(payload) };
}

/** A compact JWS made with node:crypto alone: whatever header and payload, signed as the key signs. */
export function makeToken(header: JsonObject | string, payload: JsonObject | string, key?: KeyObject): string {
  const input = [header, payload]
    .map((part) => Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${input}.${key === undefined ? "" : signatureOf(input, key)}`;
}

/** Changes the JWS of a signed text, be it bare or in an envelope. */
export function mapToken(signed: string, change: (token: string) => string): string {
  if (!signed.startsWith("{")) return change(signed);
  const envelope = JSON.parse(signed) as { id: string };
  const comma = envelope.id.indexOf(",") + 1;
  return JSON.stringify({ ...envelope, id: envelope.id.slice(0, comma) + change(envelope.id.slice(comma)) });
}

/** Changes header and payload of a JWS and leaves the signature as it was. */
export function alter(
  signed: string,
  change: { readonly header?: (header: JsonObject) => JsonObject; readonly payload?: (payload: JsonObject) => JsonObject },
): string {
  return mapToken(signed, (token) => {
    const { header, payload } = partsOf(token);
    const signature = token.split(".")[2] ?? "";
    return makeToken(change.header?.(header) ?? header, change.payload?.(payload) ?? payload) + signature;
  });
}

/** Changes header and payload of a JWS and signs again. */
export function resign(
  signed: string,
  key: KeyObject,
  change: { readonly header?: (header: JsonObject) => JsonObject; readonly payload?: (payload: JsonObject) => JsonObject },
): string {
  return mapToken(signed, (token) => {
    const { header, payload } = partsOf(token);
    return makeToken(change.header?.(header) ?? header, change.payload?.(payload) ?? payload, key);
  });
}

/** Changes the proof of a signed JSON document. */
export function alterProof(signed: string, change: (proof: JsonObject) => JsonObject): string {
  const document = JSON.parse(signed) as { proof: JsonObject };
  return JSON.stringify({ ...document, proof: change(document.proof) });
}

function signatureOf(input: string, key: KeyObject): string {
  const hash = { prime256v1: "sha256", secp384r1: "sha384", secp521r1: "sha512", secp256k1: "sha256" }[
    key.asymmetricKeyDetails?.namedCurve ?? ""
  ];
  return sign(hash ?? null, Buffer.from(input), { key, dsaEncoding: "ieee-p1363" }).toString("base64url");
}

function decodePart(part: string): JsonObject {
  return JSON.parse(Buffer.from(part, "base64url").toString()) as JsonObject;
}
