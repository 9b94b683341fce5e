import { createHash } from "node:crypto";
import { isSignedBy } from "./ed25519.ts";
import { fields } from "./fields.ts";
import { inviteIdOf } from "./invite.ts";

/** The terms of an invite, which the inviting member signs. */
export interface InviteTerms {
  readonly channel: string;
  readonly inviteKey: Uint8Array;
  readonly maxUses: number;
  /** Seconds since 1970. */
  readonly expiresAt: number;
  /** {@link identityHash} of the only identity that can join; `undefined` if any identity can. */
  readonly identityHash?: Uint8Array | undefined;
}

const TERMS_BYTES = 12;
const HASH_BYTES = 32;
const SIGNATURE_BYTES = 64;

/**
 * Signs the terms of an invite with the inviting member's signature key. Every member can verify them, so a server cannot create invites.
 *
 * @returns `max uses: u32 | expires at: u64 | identity hash (0 or 32 bytes) | signature (64 bytes)`, big-endian.
 */
export function signInviteTerms(terms: InviteTerms, sign: (content: Uint8Array) => Uint8Array): Uint8Array {
  const encoded = encodeTerms(terms);
  return Buffer.concat([encoded, sign(signedContent(terms, encoded))]);
}

/** The hash of an identity in the terms of an invite. Salted with the invite key, so that the server can only test guesses. */
export function identityHash(inviteKey: Uint8Array, identity: Uint8Array): Uint8Array {
  return Uint8Array.from(
    createHash("sha256")
      .update(fields("skytale invite identity v1", inviteKey, identity))
      .digest(),
  );
}

/** The terms, if one of the members signed them, with the key of that member as `inviter`; otherwise `undefined`. */
export function verifyInviteTerms(
  attestation: Uint8Array,
  {
    channel,
    inviteKey,
    memberKeys,
  }: { readonly channel: string; readonly inviteKey: Uint8Array; readonly memberKeys: Iterable<Uint8Array> },
): (InviteTerms & { readonly inviter: Uint8Array }) | undefined {
  const termsBytes = attestation.length - SIGNATURE_BYTES;
  if (termsBytes !== TERMS_BYTES && termsBytes !== TERMS_BYTES + HASH_BYTES) return undefined;
  const terms = Buffer.from(attestation.subarray(0, termsBytes));
  const signature = attestation.subarray(termsBytes);
  const expiresAt = terms.readBigUInt64BE(4);
  if (expiresAt > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  const identity = termsBytes === TERMS_BYTES ? undefined : Uint8Array.from(terms.subarray(TERMS_BYTES));
  const content = signedContent({ channel, inviteKey, identityHash: identity }, terms);
  for (const key of memberKeys) {
    if (isSignedBy(key, content, signature)) {
      return { channel, inviteKey, maxUses: terms.readUInt32BE(0), expiresAt: Number(expiresAt), identityHash: identity, inviter: key };
    }
  }
  return undefined;
}

function signedContent(
  { channel, inviteKey, identityHash: hash }: Pick<InviteTerms, "channel" | "inviteKey" | "identityHash">,
  encoded: Uint8Array,
): Uint8Array {
  const label = hash === undefined ? "skytale invite v1" : "skytale invite for identity v1";
  return fields(label, channel, inviteIdOf(inviteKey), inviteKey, encoded);
}

function encodeTerms({ maxUses, expiresAt, identityHash: hash = new Uint8Array() }: InviteTerms): Uint8Array {
  const numbers = Buffer.alloc(TERMS_BYTES);
  numbers.writeUInt32BE(maxUses);
  numbers.writeBigUInt64BE(BigInt(expiresAt), 4);
  return Buffer.concat([numbers, hash]);
}
