// The client side of invites, as docs/skytale/invites.md describes it. It shares no code with the server.
import { createHash, createPrivateKey, createPublicKey, hkdfSync, randomBytes, sign, verify, type KeyObject } from "node:crypto";

export interface Invite {
  readonly id: Buffer;
  readonly secret: Buffer;
  readonly key: Buffer;
}

export interface JoinRequest {
  readonly channel: string;
  readonly invite_id: string;
  readonly request_id: string;
  readonly key_package: string;
  readonly proof: string;
}

const PREFIX = "skt_inv_";
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

function fields(...values: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const value of values) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(value.length);
    parts.push(length, value);
  }
  return Buffer.concat(parts);
}

function privateKeyOf(secret: Uint8Array): KeyObject {
  const seed = Buffer.from(hkdfSync("sha256", secret, Buffer.alloc(0), "skytale invite key v1", 32));
  return createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });
}

/** Step 1: the inviter makes a secret; all else follows from it. */
export function makeInvite(secret: Buffer = randomBytes(32)): Invite {
  const { x = "" } = createPublicKey(privateKeyOf(secret)).export({ format: "jwk" });
  const key = Buffer.from(x, "base64url");
  const id = createHash("sha256")
    .update(fields(Buffer.from("skytale invite id v1"), key))
    .digest()
    .subarray(0, 16);
  return { id, secret, key };
}

/** Step 2: the token that is handed over out of band. */
export function composeToken({ id, secret }: Invite): string {
  return PREFIX + Buffer.concat([id, secret]).toString("base64url");
}

/** Step 3: the joiner reads it. One that was cut or mistyped is found here: the id doesn't follow from the secret. */
export function parseToken(token: string): Invite {
  const bytes = Buffer.from(token.slice(PREFIX.length), "base64url");
  if (!token.startsWith(PREFIX) || bytes.length !== 48) throw new Error("not an invite token");
  const invite = makeInvite(bytes.subarray(16));
  if (!invite.id.equals(bytes.subarray(0, 16))) throw new Error("damaged invite token");
  return invite;
}

function joinContent(channel: string, id: Uint8Array, requestId: Uint8Array, keyPackage: Uint8Array): Buffer {
  return fields(Buffer.from("skytale invite join v1"), Buffer.from(channel), id, requestId, keyPackage);
}

/** Step 4: the joiner proves over its key package that it has the secret. */
export function prove(invite: Invite, channel: string, keyPackage: Uint8Array, requestId: Buffer = randomBytes(16)): JoinRequest {
  const proof = sign(null, joinContent(channel, invite.id, requestId, keyPackage), privateKeyOf(invite.secret));
  return {
    channel,
    invite_id: invite.id.toString("base64url"),
    request_id: requestId.toString("base64url"),
    key_package: Buffer.from(keyPackage).toString("base64url"),
    proof: proof.toString("base64url"),
  };
}

/** What a member signs with its signature key of the group when it makes an invite, so that any other member can admit by it. */
export function attest(
  invite: Invite,
  { channel, maxUses, expiresAt }: { channel: string; maxUses: number; expiresAt: number },
  member: KeyObject,
): Buffer {
  const terms = Buffer.alloc(12);
  terms.writeUInt32BE(maxUses);
  terms.writeBigUInt64BE(BigInt(expiresAt), 4);
  const signature = sign(null, fields(Buffer.from("skytale invite v1"), Buffer.from(channel), invite.id, invite.key, terms), member);
  return Buffer.concat([terms, signature]);
}

/** The body of the call that registers an invite. Its author's signature key is random. */
export function registration(invite: Invite, channel: string, maxUses = 1): Record<string, unknown> {
  const terms = { channel, maxUses, expiresAt: Math.floor(Date.now() / 1000) + 3600 };
  const attestation = attest(invite, terms, privateKeyOf(invite.secret)).toString("base64url");
  return { channel, invite_key: invite.key.toString("base64url"), attestation, max_uses: maxUses };
}

/** Step 5: what the admitting member checks before it adds the key package. It does not rely on the server. */
export function check(
  request: JoinRequest,
  invite: { readonly invite_key: string; readonly attestation?: string | undefined },
  { channel, members, now }: { channel: string; members: readonly KeyObject[]; now: number },
): void {
  const key = Buffer.from(invite.invite_key, "base64url");
  const id = createHash("sha256")
    .update(fields(Buffer.from("skytale invite id v1"), key))
    .digest()
    .subarray(0, 16);
  if (id.toString("base64url") !== request.invite_id) throw new Error("the invite's key is another one");
  const attestation = Buffer.from(invite.attestation ?? "", "base64url");
  const terms = attestation.subarray(0, 12);
  const attested = fields(Buffer.from("skytale invite v1"), Buffer.from(channel), id, key, terms);
  if (!members.some((member) => verify(null, attested, member, attestation.subarray(12)))) throw new Error("no member made this invite");
  const day = 24 * 3600;
  if (Number(terms.readBigUInt64BE(4)) + day < now) throw new Error("the invite has ended");
  const content = joinContent(channel, id, Buffer.from(request.request_id, "base64url"), Buffer.from(request.key_package, "base64url"));
  const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: key.toString("base64url") }, format: "jwk" });
  if (!verify(null, content, publicKey, Buffer.from(request.proof, "base64url"))) throw new Error("the proof is not for this key package");
}
