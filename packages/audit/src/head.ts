import { createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { isJsonObject } from "@parley/core";

/** The public key that signs the heads of a chain. */
export interface AuditKey {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  /** 32 bytes in base64url. */
  readonly x: string;
}

/** The last entry of a chain at a time, as its party has signed it. */
export interface AuditHead {
  /** DID of the party that has the chain. */
  readonly agent: string;
  /** Hash of the entry. */
  readonly hash: string;
  /** When it was signed: RFC 3339. */
  readonly time: string;
  /** The channel that the chain is about; absent if it is about all messages of the party. */
  readonly channel?: string | undefined;
  /** Number of the entry. Absent in heads for other parties, whom it would tell how many messages the party has. */
  readonly seq?: number;
}

/** The last entry that retention has removed from the start of a chain, as its party has signed it. */
export interface AuditCut extends AuditHead {
  readonly seq: number;
  /** Time of the removed entry. */
  readonly until: string;
}

/** Kind of a signed statement about a chain. */
export type AuditClaim = "head" | "cut";

/** What signs heads: a private key of Ed25519, or a function that signs with one. */
export type AuditSigner = KeyObject | ((content: Uint8Array) => Uint8Array);

const MAX_LENGTH = 4096;

/**
 * Signs a head or a cut: a compact JWS by EdDSA.
 *
 * @param key the private key, or a function that signs with it by Ed25519. @param kid id of the key in the DID document of the party.
 */
export function signHead(claim: "head", payload: AuditHead, key: AuditSigner, kid: string): string;
export function signHead(claim: "cut", payload: AuditCut, key: AuditSigner, kid: string): string;
export function signHead(claim: AuditClaim, payload: AuditHead, key: AuditSigner, kid: string): string {
  const text = `${encoded({ alg: "EdDSA", kid, typ: typeOf(claim) })}.${encoded(payload)}`;
  const signature = typeof key === "function" ? key(Buffer.from(text)) : sign(null, Buffer.from(text), key);
  return `${text}.${Buffer.from(signature).toString("base64url")}`;
}

/** Reads a head or a cut without checking its signature. Returns `undefined` for anything else. */
export function readHead(claim: "head", jws: unknown): (AuditHead & { readonly kid: string }) | undefined;
export function readHead(claim: "cut", jws: unknown): (AuditCut & { readonly kid: string }) | undefined;
export function readHead(claim: AuditClaim, jws: unknown): (AuditHead & { readonly kid: string }) | undefined {
  if (typeof jws !== "string" || jws.length > MAX_LENGTH || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(jws)) return undefined;
  const [header, payload] = jws.split(".").map(decoded);
  if (!isJsonObject(header) || !isJsonObject(payload)) return undefined;
  const { alg, kid, typ, crit } = header;
  if (alg !== "EdDSA" || typ !== typeOf(claim) || typeof kid !== "string" || crit !== undefined) return undefined;
  const { agent, channel, hash, time, seq, until } = payload;
  if (typeof agent !== "string" || typeof hash !== "string" || typeof time !== "string" || Number.isNaN(Date.parse(time))) return undefined;
  if (channel !== undefined && typeof channel !== "string") return undefined;
  const isNumbered = Number.isSafeInteger(seq) && (seq as number) >= 0;
  const claimed = { agent, hash, time, kid, ...(channel !== undefined && { channel }) };
  if (claim === "head") return seq === undefined || isNumbered ? { ...claimed, ...(isNumbered && { seq: seq as number }) } : undefined;
  if (!isNumbered || typeof until !== "string" || Number.isNaN(Date.parse(until))) return undefined;
  return { ...claimed, seq: seq as number, until } as AuditCut & { kid: string };
}

/** Whether a key has signed a head or a cut. */
export function isSignedBy(jws: string, key: AuditKey): boolean {
  return signatureVerifier(key)(jws);
}

/** Verifies signatures of one key, which is imported once. */
export function signatureVerifier(key: AuditKey): (jws: string) => boolean {
  let publicKey: KeyObject;
  try {
    publicKey = createPublicKey({ key: { ...key }, format: "jwk" });
  } catch {
    return () => false;
  }
  return (jws) => {
    const end = jws.lastIndexOf(".");
    const signature = Buffer.from(jws.slice(end + 1), "base64url");
    // Another spelling of the same signature is a change, too.
    if (signature.toString("base64url") !== jws.slice(end + 1)) return false;
    return verify(null, Buffer.from(jws.slice(0, end)), publicKey, signature);
  };
}

function typeOf(claim: AuditClaim): string {
  return `parley-audit-${claim}`;
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decoded(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, "base64url").toString());
  } catch {
    return undefined;
  }
}
