import { createHash, createPublicKey, verify } from "node:crypto";

/** What a joiner signs with the invite's key: so that the proof is good for this key package, request and channel only. */
export interface JoinContent {
  readonly channel: string;
  /** 16 bytes, base64url. */
  readonly inviteId: string;
  /** 16 bytes, base64url. */
  readonly requestId: string;
  readonly keyPackage: Uint8Array;
}

const ID_LABEL = "skytale invite id v1";
const JOIN_LABEL = "skytale invite join v1";
const ID_BYTES = 16;

/** The id of an invite is derived from its public key, so the key cannot be replaced. Base64url of 16 bytes. */
export function inviteIdOf(inviteKey: Uint8Array): string {
  const digest = createHash("sha256")
    .update(fields(Buffer.from(ID_LABEL), inviteKey))
    .digest();
  return digest.subarray(0, ID_BYTES).toString("base64url");
}

/** The bytes that a joiner signs: five fields, each after its length (4 bytes, big-endian). */
function joinContent({ channel, inviteId, requestId, keyPackage }: JoinContent): Uint8Array {
  return fields(
    Buffer.from(JOIN_LABEL),
    Buffer.from(channel),
    Buffer.from(inviteId, "base64url"),
    Buffer.from(requestId, "base64url"),
    keyPackage,
  );
}

/** Whether a proof is a signature (Ed25519, RFC 8032) of the given terms by the key of the invite. */
export function isValidProof(proof: Uint8Array, content: JoinContent, inviteKey: Uint8Array): boolean {
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(inviteKey).toString("base64url") }, format: "jwk" });
  return verify(null, joinContent(content), key, proof);
}

function fields(...values: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    values.flatMap((value) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(value.length);
      return [length, value];
    }),
  );
}
