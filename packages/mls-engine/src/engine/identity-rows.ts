import { equalBytes } from "../codec/bytes.ts";
import { decodeWhole } from "../codec/reader.ts";
import { readCredential, writeCredential } from "../codec/structures.ts";
import { encode } from "../codec/writer.ts";
import { shownIdentity, type MlsCredential } from "../credentials/credential.ts";
import type { CipherSuite, KeyPair } from "../crypto/cipher-suite.ts";
import { MlsEngineError } from "../errors.ts";
import type { Signer } from "../join/key-package.ts";
import type { StorePartition } from "../store/group-store.ts";

const IDENTITY = "identity";
const VERSION = 1;

/** Whether the engine's partition of a store contains an identity. */
export function hasIdentity(partition: StorePartition): boolean {
  return partition.get(IDENTITY) !== undefined;
}

/**
 * Loads the identity that a store belongs to. The first engine on a store creates it.
 *
 * @throws MlsEngineError `wrong_identity` if the store belongs to another identity, key or suite; `state_damaged`
 */
export async function loadSigner(
  suite: CipherSuite,
  partition: StorePartition,
  credential: MlsCredential,
  given: KeyPair | undefined,
): Promise<Signer> {
  const stored = partition.get(IDENTITY);
  if (stored === undefined) {
    const signer = { credential, signatureKey: given ? copyOf(given) : suite.generateSignatureKeyPair() };
    const value = encodeSigner(suite, signer);
    await partition.write([{ key: IDENTITY, value }], "durable").finally(() => value.fill(0));
    return signer;
  }
  const { suiteId, signer } = decodeSigner(stored);
  stored.fill(0);
  const difference =
    suiteId !== suite.id
      ? "with another cipher suite"
      : !isSameCredential(signer.credential, credential)
        ? `with the identity ${shownIdentity(signer.credential)}, not ${shownIdentity(credential)}`
        : given && !equalBytes(given.publicKey, signer.signatureKey.publicKey)
          ? "with another signature key"
          : undefined;
  if (difference) throw new MlsEngineError("wrong_identity", `The store belongs to an engine ${difference}`);
  return signer;
}

function encodeSigner(suite: CipherSuite, { credential, signatureKey }: Signer): Uint8Array {
  return encode((w) => {
    w.u8(VERSION).u16(suite.id);
    writeCredential(w, credential);
    w.vector(signatureKey.publicKey).vector(signatureKey.privateKey);
  });
}

function decodeSigner(bytes: Uint8Array): { suiteId: number; signer: Signer } {
  try {
    return decodeWhole(bytes, (r) => {
      if (r.u8() !== VERSION) throw new MlsEngineError("state_damaged", "The stored identity has an unknown version");
      const suiteId = r.u16();
      const { type, content } = readCredential(r);
      // Copies, because the caller erases the bytes.
      const credential = { type, content: content.slice() };
      return { suiteId, signer: { credential, signatureKey: { publicKey: r.vector().slice(), privateKey: r.vector().slice() } } };
    });
  } catch (cause) {
    throw new MlsEngineError("state_damaged", "The stored identity is damaged", { cause });
  }
}

function copyOf({ publicKey, privateKey }: KeyPair): KeyPair {
  return { publicKey: publicKey.slice(), privateKey: privateKey.slice() };
}

function isSameCredential(a: MlsCredential, b: MlsCredential): boolean {
  return a.type === b.type && equalBytes(a.content, b.content);
}
