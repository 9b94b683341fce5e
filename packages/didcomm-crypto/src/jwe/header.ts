import * as crypto from "node:crypto";
import type { JsonObject } from "@parley/core";
import { DidcommCryptoError } from "../didcomm-crypto-error.ts";
import { isAgreementCurve, type AgreementCurve } from "../keys/curve.ts";
import { isOn, type ImportedKey } from "../keys/key.ts";
import { importPublicJwk } from "../keys/public-jwk.ts";
import { didOfKid } from "../kid.ts";
import { decodeBase64url } from "../text/base64url.ts";
import { decodeUtf8 } from "../text/utf8.ts";
import { allowedAlgorithms, type LayerAlgorithms } from "./algorithms.ts";

/** The protected header of an encrypted message, checked. */
export interface JweHeader extends LayerAlgorithms {
  readonly epk: ImportedKey<AgreementCurve>;
  readonly apu: Uint8Array;
  readonly apv: Uint8Array;
  /** Id of the sender's key; with authcrypt only. */
  readonly skid: string | undefined;
}

/** What `apv` must be: the hash of the recipients' ids, sorted and joined by dots. */
export function apvOf(kids: readonly string[]): Buffer {
  return crypto.hash("sha256", kids.toSorted().join("."), "buffer");
}

/**
 * Reads the members of a protected header, given the recipients' ids.
 *
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#ecdh-1pu-key-wrapping-and-common-protected-headers | DIDComm v2.1, common protected headers}
 */
export function readJweHeader(header: JsonObject, kids: readonly string[]): JweHeader {
  const algorithms = allowedAlgorithms(header["alg"], header["enc"]);
  if (algorithms === undefined) throw new DidcommCryptoError("alg_not_allowed", "alg and enc are none that DIDComm combines");
  const apv = readApv(header["apv"], kids);
  const [apu, skid] =
    algorithms.alg === "ECDH-1PU+A256KW" ? readSender(header["apu"], header["skid"]) : readNoSender(header["apu"], header["skid"]);
  const epk = importPublicJwk(header["epk"]);
  if (epk === undefined || !isOn(epk, isAgreementCurve)) {
    throw new DidcommCryptoError("epk_invalid", "epk is no public key of a curve that DIDComm agrees on");
  }
  return { alg: algorithms.alg, enc: algorithms.enc, epk, apu, apv, skid };
}

function readApv(value: unknown, kids: readonly string[]): Buffer {
  const apv = apvOf(kids);
  if (value !== apv.toString("base64url")) throw new DidcommCryptoError("apv_invalid", "apv is not the hash of the recipients' ids");
  return apv;
}

/** `skid` may be left out, `apu` may not: it is what the key agreement is bound to. */
function readSender(apu: unknown, skid: unknown): [Buffer, string] {
  const bytes = typeof apu === "string" ? decodeBase64url(apu) : undefined;
  const kid = bytes && decodeUtf8(bytes);
  if (bytes === undefined || kid === undefined) throw new DidcommCryptoError("apu_invalid", "apu is missing, or no base64url of UTF-8");
  if (skid !== undefined && skid !== kid) throw new DidcommCryptoError("apu_invalid", "apu is not skid");
  if (didOfKid(kid) === undefined) throw new DidcommCryptoError("kid_invalid", "The sender's key id is no absolute DID URL");
  return [bytes, kid];
}

function readNoSender(apu: unknown, skid: unknown): [Buffer, undefined] {
  if (skid !== undefined) throw new DidcommCryptoError("header_unsupported", "skid claims a sender whose key is not used");
  const bytes = apu === undefined ? Buffer.alloc(0) : typeof apu === "string" ? decodeBase64url(apu) : undefined;
  if (bytes === undefined) throw new DidcommCryptoError("apu_invalid", "apu is no base64url");
  return [bytes, undefined];
}
