import { isSignedBy } from "./ed25519.ts";
import { fields } from "./fields.ts";
import { inviteIdOf } from "./invite.ts";

/** What a member says of an invite that it makes. */
export interface InviteTerms {
  readonly channel: string;
  readonly inviteKey: Uint8Array;
  readonly maxUses: number;
  /** Seconds since 1970. */
  readonly expiresAt: number;
}

const TERMS_BYTES = 12;
const MAX_BYTES = TERMS_BYTES + 64;

/**
 * The terms of an invite, signed with the key by which the group knows its maker. So every member can admit by it, and a server that
 * makes invites of its own is found out.
 */
export function attest(terms: InviteTerms, sign: (content: Uint8Array) => Uint8Array): Uint8Array {
  const numbers = encodeTerms(terms);
  return Buffer.concat([numbers, sign(attestedContent(terms, numbers))]);
}

/** The terms that one of the members attests; `undefined` when none does. */
export function readAttestation(
  attestation: Uint8Array,
  {
    channel,
    inviteKey,
    memberKeys,
  }: { readonly channel: string; readonly inviteKey: Uint8Array; readonly memberKeys: Iterable<Uint8Array> },
): (InviteTerms & { readonly madeBy: Uint8Array }) | undefined {
  if (attestation.length <= TERMS_BYTES || attestation.length > MAX_BYTES) return undefined;
  const numbers = Buffer.from(attestation.subarray(0, TERMS_BYTES));
  const signature = attestation.subarray(TERMS_BYTES);
  const expiresAt = numbers.readBigUInt64BE(4);
  if (expiresAt > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  const content = attestedContent({ channel, inviteKey }, numbers);
  for (const key of memberKeys) {
    if (isSignedBy(key, content, signature)) {
      return { channel, inviteKey, maxUses: numbers.readUInt32BE(0), expiresAt: Number(expiresAt), madeBy: key };
    }
  }
  return undefined;
}

function attestedContent({ channel, inviteKey }: Pick<InviteTerms, "channel" | "inviteKey">, numbers: Uint8Array): Uint8Array {
  return fields("skytale invite v1", channel, inviteIdOf(inviteKey), inviteKey, numbers);
}

function encodeTerms({ maxUses, expiresAt }: InviteTerms): Uint8Array {
  const numbers = Buffer.alloc(TERMS_BYTES);
  numbers.writeUInt32BE(maxUses);
  numbers.writeBigUInt64BE(BigInt(expiresAt), 4);
  return numbers;
}
