import * as crypto from "node:crypto";
import { createMessage, isJsonObject, type Message } from "@parley/core";
import { decodeBase64url } from "@parley/core/internal";
import { didKeyDocument, findVerificationMethod, publicKeyJwk, type PublicJwk } from "@parley/did";
import { DidcommCryptoError } from "../didcomm-crypto-error.ts";
import type { PrivateKeyInput } from "../keys/key.ts";
import { packSigned } from "../pack.ts";
import { unpack } from "../unpack.ts";
import { END_TO_END_PROTOCOL } from "./wrapper.ts";

const STATEMENT_TYPE = `${END_TO_END_PROTOCOL}/keys`;
/** Longest statement, in characters: one fits into a text of a DID document. */
export const MAX_STATEMENT_LENGTH = 2048;
const RAW_LENGTH = 32;

/** The public keys of an agent that holds its keys itself: 32 bytes each, in base64url. */
export interface AgentPublicKeys {
  /** Ed25519, for authentication and assertions. */
  readonly signing: string;
  /** X25519, for key agreement. */
  readonly agreement: string;
}

/** What an agent states about its keys. */
export interface KeyStatement extends AgentPublicKeys {
  readonly did: string;
  /** Number of rotations up to these keys. */
  readonly sequence: number;
  /** When it was made, in milliseconds since 1970. */
  readonly madeAt: number;
  /** On a rotation: until when messages for the former keys are accepted, in milliseconds since 1970. */
  readonly formerUntil?: number;
}

/** Members of a statement that is not checked. */
interface Peeked extends Pick<Message, "type" | "body"> {
  readonly from: string;
  readonly created_time: number;
}

/** Ids of the keys in the DID's document. */
export interface AgentKids {
  readonly signing: string;
  readonly agreement: string;
}

/**
 * The ids of an agent's keys. Those of a did:web name the key, so that two keys never have one id.
 *
 * @throws DidError for a did:key that is malformed
 */
export function agentKids(did: string, { signing, agreement }: AgentPublicKeys): AgentKids {
  if (!isDidKey(did)) return { signing: kidOf(did, signing), agreement: kidOf(did, agreement) };
  const { authentication, keyAgreement } = didKeyDocument(did);
  return { signing: authentication[0] ?? "", agreement: keyAgreement[0] ?? "" };
}

/** The public keys as JWKs. */
export function agentJwks({ signing, agreement }: AgentPublicKeys): { readonly signing: PublicJwk; readonly agreement: PublicJwk } {
  return { signing: { kty: "OKP", crv: "Ed25519", x: signing }, agreement: { kty: "OKP", crv: "X25519", x: agreement } };
}

/**
 * Signs a statement: with the key that it names, as proof of possession, or with the former one, as a rotation.
 *
 * @throws TypeError if it is too long, because of a very long DID.
 */
export function signKeyStatement(statement: KeyStatement, signBy: { readonly kid: string; readonly privateKey: PrivateKeyInput }): string {
  const { did, sequence, signing, agreement, madeAt, formerUntil } = statement;
  const body = { sequence, signing, agreement, ...(formerUntil !== undefined && { former_until: formerUntil / 1000 }) };
  const message = createMessage({ type: STATEMENT_TYPE, from: did, createdTime: madeAt / 1000, body });
  const signed = packSigned(message, signBy);
  if (signed.length > MAX_STATEMENT_LENGTH) throw new TypeError("The DID is too long for an agent that holds its keys itself");
  return signed;
}

/**
 * Reads a statement without verifying it.
 *
 * @throws DidcommCryptoError `plaintext_invalid`, `too_large`
 */
export function peekKeyStatement(text: string): KeyStatement {
  if (text.length > MAX_STATEMENT_LENGTH) throw new DidcommCryptoError("too_large", "The key statement is too long");
  try {
    const { payload } = JSON.parse(text) as { payload: string };
    const { type, from, created_time: createdTime, body } = JSON.parse(Buffer.from(payload, "base64url").toString()) as Peeked;
    return readStatement({ type, from, createdTime, body });
  } catch (error) {
    if (error instanceof DidcommCryptoError) throw error;
    throw invalid();
  }
}

/**
 * Verifies a statement.
 *
 * @param former the keys before it, which must have signed a rotation. Without them: a proof of possession, signed with the stated key.
 * @throws DidcommCryptoError `signature_invalid`, `key_not_found` (signed with another key), `plaintext_invalid` and others of `unpack`
 */
export async function verifyKeyStatement(text: string, former?: AgentPublicKeys): Promise<KeyStatement> {
  const stated = peekKeyStatement(text);
  const by = former ?? stated;
  const kid = agentKids(stated.did, by).signing;
  const { message, metadata } = await unpack(text, {
    recipientKey: () => undefined,
    signerKey: (signer) => (signer === kid ? agentJwks(by).signing : undefined),
  });
  if (metadata.encrypted || !metadata.signed) throw invalid();
  const statement = readStatement(message);
  if (isDidKey(statement.did)) requireOwnKeys(statement);
  return statement;
}

function readStatement({ type, from, createdTime, body }: Pick<Message, "type" | "from" | "createdTime" | "body">): KeyStatement {
  if (type !== STATEMENT_TYPE || typeof from !== "string" || !from.startsWith("did:") || typeof createdTime !== "number") throw invalid();
  if (!isJsonObject(body)) throw invalid();
  const { sequence, signing, agreement, former_until: formerUntil } = body;
  if (!isKey(signing) || !isKey(agreement) || typeof sequence !== "number" || !Number.isSafeInteger(sequence) || sequence < 0)
    throw invalid();
  if (formerUntil !== undefined && !Number.isFinite(formerUntil)) throw invalid();
  const statement = { did: from, sequence, signing, agreement, madeAt: createdTime * 1000 };
  return typeof formerUntil === "number" ? { ...statement, formerUntil: formerUntil * 1000 } : statement;
}

/** A did:key is its key: no other one can belong to it. */
function requireOwnKeys({ did, signing, agreement }: KeyStatement): void {
  const document = didKeyDocument(did);
  const found = [document.authentication[0], document.keyAgreement[0]].map((id) => {
    const method = findVerificationMethod(document, id ?? "");
    return method === undefined ? undefined : publicKeyJwk(method);
  });
  if (found[0]?.x !== signing || found[1]?.x !== agreement)
    throw new DidcommCryptoError("key_not_found", "The keys are not those of the did:key");
}

function isDidKey(did: string): boolean {
  return did.startsWith("did:key:");
}

function isKey(value: unknown): value is string {
  return typeof value === "string" && value.length === 43 && decodeBase64url(value)?.length === RAW_LENGTH;
}

function kidOf(did: string, key: string): string {
  return `${did}#key-${crypto.hash("sha256", key, "base64url").slice(0, 22)}`;
}

function invalid(): DidcommCryptoError {
  return new DidcommCryptoError("plaintext_invalid", "This is not a statement about an agent's keys");
}
