import { createHash, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { publicKeyOf } from "./ed25519.ts";
import { fields } from "./fields.ts";
import { InviteError } from "./invite-error.ts";

/** The parts of an invite. All are derived from the secret, which the server never receives. */
export interface Invite {
  /** 16 bytes derived from the public key. */
  readonly id: Uint8Array;
  /** 32 random bytes. */
  readonly secret: Uint8Array;
  /** Seed of the invite's Ed25519 key. */
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

const PREFIX = "skt_inv_";
const ID_BYTES = 16;
const SECRET_BYTES = 32;
const TOKEN = /^skt_inv_[\w-]{64}$/;

/** Creates an invite. */
export function createInvite(secret: Uint8Array = randomBytes(SECRET_BYTES)): Invite {
  const privateKey = new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(), "skytale invite key v1", 32));
  const publicKey = publicKeyOf(privateKey);
  return { id: inviteIdOf(publicKey), secret, privateKey, publicKey };
}

/** The id of the invite with this public key: a hash of the key, so that the key cannot be replaced. */
export function inviteIdOf(publicKey: Uint8Array): Uint8Array {
  const digest = createHash("sha256").update(fields("skytale invite id v1", publicKey)).digest();
  return Uint8Array.from(digest.subarray(0, ID_BYTES));
}

/** The token of an invite: `skt_inv_` and 64 characters. Anyone holding it can join. */
export function encodeToken({ id, secret }: Pick<Invite, "id" | "secret">): string {
  return PREFIX + Buffer.concat([id, secret]).toString("base64url");
}

/**
 * Decodes a token. Detects truncated and mistyped tokens: their id does not match their secret.
 *
 * @throws InviteError `invite_malformed`, without the token
 */
export function decodeToken(token: string): Invite {
  // Tokens pasted from mails and terminals contain line breaks.
  const text = typeof token === "string" ? token.replaceAll(/[\s\u200B-\u200D\u2060]/gu, "") : "";
  if (!TOKEN.test(text)) {
    const expected = "expected skt_inv_ and 64 characters, as returned by invite()";
    throw new InviteError("invite_malformed", `the invite token is malformed: ${expected}`);
  }
  const bytes = Buffer.from(text.slice(PREFIX.length), "base64url");
  const invite = createInvite(Uint8Array.from(bytes.subarray(ID_BYTES)));
  if (!timingSafeEqual(invite.id, bytes.subarray(0, ID_BYTES))) {
    throw new InviteError("invite_malformed", "the invite token is damaged: check that all of it was copied");
  }
  return invite;
}
