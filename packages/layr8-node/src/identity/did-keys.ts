import { createPrivateKey, generateKeyPair, type KeyObject } from "node:crypto";
import { StorageError, type SealingKey } from "@parley/storage";

/** Purpose of a DID's key: `signing` (authentication, assertionMethod) is Ed25519, `agreement` (keyAgreement) is X25519. */
export type KeyPurpose = "signing" | "agreement";

/** A public key as a JWK. */
export interface PublicJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519" | "X25519";
  readonly x: string;
}

/** A key pair at rest: the public half, and the private half encrypted under the node key. */
export type StoredKey = { readonly x: string; readonly sealed: string };

/** The key pairs of a DID at rest. */
export type StoredKeys = { readonly [purpose in KeyPurpose]: StoredKey };

const CURVES = { signing: "Ed25519", agreement: "X25519" } as const;
/** Raw keys of both curves have 32 bytes, at the end of their DER encodings. */
const RAW_LENGTH = 32;

/** Generates the keys of a DID. */
export async function generateKeys(did: string, nodeKey: SealingKey): Promise<StoredKeys> {
  const [signing, agreement] = await Promise.all([generate(did, "signing", nodeKey), generate(did, "agreement", nodeKey)]);
  return { signing, agreement };
}

export function publicJwk(purpose: KeyPurpose, { x }: StoredKey): PublicJwk {
  return { kty: "OKP", crv: CURVES[purpose], x };
}

/** @throws StorageError `data_dir_unusable` when the node key is not the one used for encryption. */
export function privateKeyOf(did: string, purpose: KeyPurpose, stored: StoredKey, nodeKey: SealingKey): KeyObject {
  const d = Buffer.from(nodeKey.open(stored.sealed, purposeOf(did, purpose))).toString("base64url");
  return createPrivateKey({ key: { ...publicJwk(purpose, stored), d }, format: "jwk" });
}

/** The same keys, encrypted under another node key. @throws StorageError `data_dir_unusable` */
export function resealKeys(did: string, { signing, agreement }: StoredKeys, former: SealingKey, next: SealingKey): StoredKeys {
  const reseal = ({ x, sealed }: StoredKey, purpose: KeyPurpose): StoredKey => {
    const secret = former.open(sealed, purposeOf(did, purpose));
    const resealed = next.seal(secret, purposeOf(did, purpose));
    secret.fill(0);
    return { x, sealed: resealed };
  };
  return { signing: reseal(signing, "signing"), agreement: reseal(agreement, "agreement") };
}

/** Whether a node key opens the keys of a DID. */
export function opensKeys(did: string, { signing }: StoredKeys, nodeKey: SealingKey): boolean {
  try {
    nodeKey.open(signing.sealed, purposeOf(did, "signing")).fill(0);
    return true;
  } catch {
    return false;
  }
}

/** @throws StorageError `data_dir_unusable` unless the keys of a DID are encrypted under a node key. */
export function checkNodeKey(did: string, { signing }: StoredKeys, nodeKey: SealingKey, directory: string): void {
  try {
    nodeKey.open(signing.sealed, purposeOf(did, "signing")).fill(0);
  } catch (error) {
    const message =
      `The node key is not the one that the private keys in ${directory} are encrypted with: ` +
      "put back the node.key that belongs to this directory, or give its content as LAYR8_NODE_KEY (nodeKey of startNode)";
    throw new StorageError("data_dir_unusable", message, { cause: error });
  }
}

async function generate(did: string, purpose: KeyPurpose, nodeKey: SealingKey): Promise<StoredKey> {
  const { publicKey, privateKey } = await rawKeyPair(purpose);
  const sealed = nodeKey.seal(privateKey, purposeOf(did, purpose));
  privateKey.fill(0);
  return { x: publicKey.toString("base64url"), sealed };
}

function rawKeyPair(purpose: KeyPurpose): Promise<{ publicKey: Buffer; privateKey: Buffer }> {
  const encodings = {
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "der" },
  } as const;
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, publicKey: Buffer, privateKey: Buffer): void => {
      if (error !== null) reject(error);
      else resolve({ publicKey: publicKey.subarray(-RAW_LENGTH), privateKey: privateKey.subarray(-RAW_LENGTH) });
    };
    if (purpose === "signing") generateKeyPair("ed25519", encodings, done);
    else generateKeyPair("x25519", encodings, done);
  });
}

function purposeOf(did: string, purpose: KeyPurpose): string {
  return `${purpose} ${did}`;
}
