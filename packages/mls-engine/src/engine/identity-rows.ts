import { decodeWhole, encode, equalBytes } from "../codec/codec.ts";
import type { Signer } from "../join/key-package.ts";
import { suiteId } from "../crypto/suite-id.ts";
import { readCredential, writeCredential } from "../codec/structures.ts";
import { shownIdentity, type MlsCredential } from "../credentials/credential.ts";
import type { MlsCrypto } from "../crypto/mls-crypto.ts";
import { MlsError } from "../errors.ts";
import type { StorePartition } from "../store/group-store.ts";

const IDENTITY = "identity";
const VERSION = 1;

/** Whether a store's partition of the engine holds an identity. */
export function hasIdentity(partition: StorePartition): boolean {
  return partition.get(IDENTITY) !== undefined;
}

/** A signature key pair, as the cipher suite keeps it. */
export interface SignatureKeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

/**
 * The identity that a store belongs to; it is made with the first engine on it.
 *
 * @throws MlsError `wrong_identity` when the store is another's, `state_damaged`
 */
export async function loadSigner(
  crypto: MlsCrypto,
  partition: StorePartition,
  credential: MlsCredential,
  given: SignatureKeyPair | undefined,
): Promise<Signer> {
  const stored = partition.get(IDENTITY);
  if (stored === undefined) {
    const signer = { credential, signatureKey: given ? copyOf(given) : await freshKey(crypto) };
    const value = encodeSigner(crypto, signer);
    await partition.write([{ key: IDENTITY, value }], "durable").finally(() => value.fill(0));
    return signer;
  }
  const { suite, signer } = decodeSigner(stored);
  stored.fill(0);
  const other =
    suite !== suiteId(crypto.handshake)
      ? "of another cipher suite"
      : !sameCredential(signer.credential, credential)
        ? `of the identity ${shownIdentity(signer.credential)}, not ${shownIdentity(credential)}`
        : given && !equalBytes(given.publicKey, signer.signatureKey.publicKey)
          ? "of another signature key"
          : undefined;
  if (other) throw new MlsError("wrong_identity", `The store belongs to an engine ${other}`);
  return signer;
}

function encodeSigner(crypto: MlsCrypto, { credential, signatureKey }: Signer): Uint8Array {
  return encode((w) => {
    w.u8(VERSION).u16(suiteId(crypto.handshake));
    writeCredential(w, credential);
    w.vector(signatureKey.publicKey).vector(signatureKey.privateKey);
  });
}

function decodeSigner(bytes: Uint8Array): { suite: number; signer: Signer } {
  try {
    return decodeWhole(bytes, (r) => {
      if (r.u8() !== VERSION) throw new MlsError("state_damaged", "The store is of an unknown version");
      const suite = r.u16();
      const { type, content } = readCredential(r);
      // Copies: the bytes are erased.
      const credential = { type, content: content.slice() };
      return { suite, signer: { credential, signatureKey: { publicKey: r.vector().slice(), privateKey: r.vector().slice() } } };
    });
  } catch (cause) {
    throw new MlsError("state_damaged", "The identity that a store belongs to can't be read", { cause });
  }
}

async function freshKey(crypto: MlsCrypto): Promise<SignatureKeyPair> {
  const { publicKey, signKey } = await crypto.handshake.signature.keygen();
  return { publicKey, privateKey: signKey };
}

function copyOf({ publicKey, privateKey }: SignatureKeyPair): SignatureKeyPair {
  return { publicKey: publicKey.slice(), privateKey: privateKey.slice() };
}

function sameCredential(a: MlsCredential, b: MlsCredential): boolean {
  return a.type === b.type && equalBytes(a.content, b.content);
}
