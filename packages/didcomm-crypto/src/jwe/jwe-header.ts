import * as crypto from "node:crypto";
import type { JsonObject } from "@parley/core";
import { DidcommCryptoError } from "../didcomm-crypto-error.ts";
import { isAgreementCurve, type AgreementCurve } from "../keys/curve.ts";
import { isOn, type ImportedKey } from "../keys/key.ts";
import { importPublicJwk } from "../keys/public-jwk.ts";
import { didOfKid } from "../did-of-kid.ts";
import { decodeBase64url } from "../text/base64url.ts";
import { decodeUtf8 } from "../text/utf8.ts";
import { allowedAlgorithms, type LayerAlgorithms } from "./algorithms.ts";

/** The checked protected header of an encrypted message. */
export interface JweHeader extends LayerAlgorithms {
  readonly epk: ImportedKey<AgreementCurve>;
  readonly apu: Uint8Array;
  readonly apv: Uint8Array;
  /** Id of the sender's key, with authcrypt. */
  readonly skid: string | undefined;
}

/** The required value of `apv`: the hash of the sorted key ids of the recipients, joined by dots. */
export function apvOf(kids: readonly string[]): Buffer {
  return crypto.hash("sha256", kids.toSorted().join("."), "buffer");
}

/**
 * Checks the members of a protected header.
 *
 * @param kids key ids of the recipients, which `apv` must match.
 * @throws DidcommCryptoError
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#ecdh-1pu-key-wrapping-and-common-protected-headers | DIDComm v2.1, common protected headers}
 */
export function readJweHeader(header: JsonObject, kids: readonly string[]): JweHeader {
  const algorithms = allowedAlgorithms(header["alg"], header["enc"]);
  if (algorithms === undefined) throw new DidcommCryptoError("alg_not_allowed", "DIDComm does not define this combination of alg and enc");
  const apv = readApv(header["apv"], kids);
  const [apu, skid] =
    algorithms.alg === "ECDH-1PU+A256KW" ? readSender(header["apu"], header["skid"]) : readAnonymous(header["apu"], header["skid"]);
  const epk = importPublicJwk(header["epk"]);
  if (epk === undefined || !isOn(epk, isAgreementCurve)) {
    throw new DidcommCryptoError("epk_invalid", "epk is not a public key on a supported curve");
  }
  return { alg: algorithms.alg, enc: algorithms.enc, epk, apu, apv, skid };
}

function readApv(value: unknown, kids: readonly string[]): Buffer {
  const apv = apvOf(kids);
  if (value !== apv.toString("base64url")) throw new DidcommCryptoError("apv_invalid", "apv is not the hash of the recipients' key ids");
  return apv;
}

/** `skid` is optional. `apu` is required, since the key agreement is bound to it. */
function readSender(apu: unknown, skid: unknown): [Buffer, string] {
  const bytes = typeof apu === "string" ? decodeBase64url(apu) : undefined;
  const kid = bytes && decodeUtf8(bytes);
  if (bytes === undefined || kid === undefined) throw new DidcommCryptoError("apu_invalid", "apu is missing, or not base64url of UTF-8");
  if (skid !== undefined && skid !== kid) throw new DidcommCryptoError("apu_invalid", "apu differs from skid");
  if (didOfKid(kid) === undefined) throw new DidcommCryptoError("kid_invalid", "The sender's key id is not an absolute DID URL");
  return [bytes, kid];
}

function readAnonymous(apu: unknown, skid: unknown): [Buffer, undefined] {
  if (skid !== undefined) throw new DidcommCryptoError("header_unsupported", "skid is not allowed with anoncrypt");
  const bytes = apu === undefined ? Buffer.alloc(0) : typeof apu === "string" ? decodeBase64url(apu) : undefined;
  if (bytes === undefined) throw new DidcommCryptoError("apu_invalid", "apu is not base64url");
  return [bytes, undefined];
}
