import type { CiphersuiteImpl, Hash, Hpke, Kdf, PrivateKey, PublicKey, Signature } from "ts-mls";
import { MlsError } from "../errors.ts";
import { createHkdf } from "./hkdf.ts";
import { createHpke } from "./hpke.ts";
import type { Aead, DhPrivateKey, Primitives, SignatureScheme } from "./primitives.ts";
import type { DhName, HashName, Suite } from "./suites.ts";

const EMPTY: Uint8Array = new Uint8Array(0);

/** ts-mls's interface of a cipher suite over synchronous primitives. */
export function createHandshakeCrypto(
  suite: Suite & { readonly kem: DhName },
  primitives: Primitives,
  signature: SignatureScheme,
): CiphersuiteImpl {
  return {
    name: suite.name,
    hash: handshakeHash(primitives, suite.hash),
    kdf: handshakeKdf(primitives, suite.kdf),
    hpke: handshakeHpke(suite, primitives),
    signature: handshakeSignature(signature),
    rng: { randomBytes: primitives.random },
  };
}

export function handshakeHash(primitives: Primitives, name: HashName): Hash {
  const digest = primitives.digest(name);
  return {
    digest: async (data) => digest.digest(data),
    mac: async (key, data) => digest.mac(key, data),
    verifyMac: async (key, mac, data) => primitives.equal(mac, digest.mac(key, data)),
  };
}

export function handshakeKdf(primitives: Primitives, name: HashName): Kdf {
  const kdf = createHkdf(primitives.digest(name));
  return {
    size: kdf.length,
    extract: async (salt, ikm) => kdf.extract(salt, ikm),
    expand: async (prk, info, length) => kdf.expand(prk, info, length),
  };
}

export function handshakeSignature(scheme: SignatureScheme): Signature {
  return {
    sign: async (key, message) => scheme.sign(key, message),
    verify: async (key, message, signature) => scheme.verify(key, message, signature),
    keygen: async () => {
      const { privateKey, publicKey } = scheme.generate();
      return { signKey: privateKey, publicKey };
    },
  };
}

export function handshakeAead(aead: Aead): Pick<Hpke, "encryptAead" | "decryptAead" | "keyLength" | "nonceLength"> {
  return {
    keyLength: aead.keyLength,
    nonceLength: aead.nonceLength,
    encryptAead: async (key, nonce, aad, plaintext) => aead.seal(key, nonce, aad ?? EMPTY, plaintext),
    decryptAead: async (key, nonce, aad, ciphertext) => opened(aead.open(key, nonce, aad ?? EMPTY, ciphertext)),
  };
}

function handshakeHpke(suite: Suite & { readonly kem: DhName }, primitives: Primitives): Hpke {
  const group = primitives.dh(suite.kem);
  const aead = primitives.aead(suite.aead);
  const hpke = createHpke(suite, group, createHkdf(primitives.digest(suite.kdf)), aead, primitives.random);
  const pair = (key: DhPrivateKey): { privateKey: PrivateKey; publicKey: PublicKey } => ({
    privateKey: sealPrivate(key),
    publicKey: sealPublic(key.publicKey),
  });
  return {
    ...handshakeAead(aead),
    seal: async (key, plaintext, info, aad) => {
      const { enc, ciphertext } = valid(hpke.seal(publicOf(key), info, aad ?? EMPTY, plaintext));
      return { enc, ct: ciphertext };
    },
    open: async (key, enc, ciphertext, info, aad) => opened(hpke.open(privateOf(key), enc, info, aad ?? EMPTY, ciphertext)),
    exportSecret: async (key, context, length, info) => valid(hpke.exportTo(publicOf(key), info, context, length)),
    importSecret: async (key, context, enc, length, info) => opened(hpke.exportFrom(privateOf(key), enc, info, context, length)),
    importPrivateKey: async (raw) => sealPrivate(valid(group.importPrivate(raw))),
    importPublicKey: async (raw) => sealPublic(valid(raw.length === group.publicLength ? raw : undefined)),
    exportPrivateKey: async (key) => privateOf(key).raw,
    exportPublicKey: async (key) => publicOf(key),
    deriveKeyPair: async (ikm) => pair(hpke.deriveKeyPair(ikm)),
    generateKeyPair: async () => pair(hpke.deriveKeyPair(primitives.random(group.privateLength))),
  };
}

// ts-mls passes keys through without looking into them; its types call them CryptoKey.
const sealPrivate = (key: DhPrivateKey): PrivateKey => ({ type: "private", key }) as unknown as PrivateKey;
const sealPublic = (raw: Uint8Array): PublicKey => ({ type: "public", raw }) as unknown as PublicKey;
const privateOf = (key: PrivateKey): DhPrivateKey => (key as unknown as { readonly key: DhPrivateKey }).key;
const publicOf = (key: PublicKey): Uint8Array => (key as unknown as { readonly raw: Uint8Array }).raw;

function valid<T>(value: T | undefined): T {
  if (value === undefined) throw new MlsError("malformed", "These bytes are no key of this cipher suite");
  return value;
}

function opened(plaintext: Uint8Array | undefined): Uint8Array {
  if (plaintext === undefined) throw new MlsError("decryption_failure", "The ciphertext doesn't belong to this key");
  return plaintext;
}
