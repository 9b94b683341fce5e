import { concatBytes } from "@parley/core/internal";
import type { HpkeCiphertext } from "./cipher-suite.ts";
import type { AeadName, DhName, HashName } from "./suites.ts";
import type { Hkdf } from "./hkdf.ts";
import type { Aead, DhGroup, DhPrivateKey } from "./primitives.ts";

const EMPTY: Uint8Array = new Uint8Array(0);
const KEM_IDS: Record<DhName, number> = { "P-256": 0x10, "P-384": 0x11, "P-521": 0x12, X25519: 0x20, X448: 0x21 };
const KDF_IDS: Record<HashName, number> = { "SHA-256": 1, "SHA-384": 2, "SHA-512": 3 };
const AEAD_IDS: Record<AeadName, number> = { "AES-128-GCM": 1, "AES-256-GCM": 2, "ChaCha20-Poly1305": 3 };

/** HPKE in base mode, single-shot ([RFC 9180 §6.1](https://www.rfc-editor.org/rfc/rfc9180.html#section-6.1)). */
export interface Hpke {
  /** `undefined` if `publicKey` is not a public key. */
  seal(publicKey: Uint8Array, info: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): HpkeCiphertext | undefined;
  /** `undefined` if the ciphertext is not for this key. */
  open(key: DhPrivateKey, info: Uint8Array, aad: Uint8Array, ciphertext: HpkeCiphertext): Uint8Array | undefined;
  deriveKeyPair(ikm: Uint8Array): DhPrivateKey;
  generateKeyPair(): DhPrivateKey;
}

/** The algorithms that HPKE is built from. The KEM uses the suite's KDF, as in every suite of RFC 9420. */
export interface HpkeAlgorithms {
  readonly dh: DhName;
  readonly hash: HashName;
  readonly aead: AeadName;
}

export function createHpke(names: HpkeAlgorithms, group: DhGroup, kdf: Hkdf, aead: Aead, random: (length: number) => Uint8Array): Hpke {
  const kemId = concatBytes([ascii("KEM"), u16(KEM_IDS[names.dh])]);
  const isMontgomery = names.dh === "X25519" || names.dh === "X448";
  const hpkeId = concatBytes([ascii("HPKE"), u16(KEM_IDS[names.dh]), u16(KDF_IDS[names.hash]), u16(AEAD_IDS[names.aead])]);

  // LabeledExtract and LabeledExpand (RFC 9180 §4). The ids bind every secret to its algorithms.
  const extract = (id: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array): Uint8Array =>
    kdf.extract(salt, concatBytes([VERSION, id, ascii(label), ikm]));
  const expand = (id: Uint8Array, prk: Uint8Array, label: string, info: Uint8Array, length: number): Uint8Array =>
    kdf.expand(prk, concatBytes([u16(length), VERSION, id, ascii(label), info]), length);

  // Base mode uses no pre-shared key: `psk` and `psk_id` are empty (RFC 9180 §5.1).
  const pskIdHash = extract(hpkeId, EMPTY, "psk_id_hash", EMPTY);

  /** RFC 9180 §4.1 ExtractAndExpand. The shared secret of Diffie-Hellman is erased. */
  function sharedSecret(dh: Uint8Array, enc: Uint8Array, recipient: Uint8Array): Uint8Array {
    const prk = extract(kemId, EMPTY, "eae_prk", dh);
    const secret = expand(kemId, prk, "shared_secret", concatBytes([enc, recipient]), kdf.length);
    dh.fill(0);
    prk.fill(0);
    return secret;
  }

  /** RFC 9180 §4.1 Encap. */
  function encapsulate(recipient: Uint8Array): { readonly kemOutput: Uint8Array; readonly shared: Uint8Array } | undefined {
    if (recipient.length !== group.publicLength) return undefined;
    const ephemeral = generateKeyPair();
    const dh = ephemeral.agree(recipient);
    ephemeral.raw.fill(0);
    return dh && { kemOutput: ephemeral.publicKey, shared: sharedSecret(dh, ephemeral.publicKey, recipient) };
  }

  /** RFC 9180 §4.1 Decap. */
  function decapsulate(key: DhPrivateKey, enc: Uint8Array): Uint8Array | undefined {
    if (enc.length !== group.publicLength) return undefined;
    const dh = key.agree(enc);
    return dh && sharedSecret(dh, enc, key.publicKey);
  }

  /**
   * RFC 9180 §5.1 KeySchedule in base mode. The shared secret is erased. A context encrypts one message, with sequence number 0, so its
   * nonce is the base nonce.
   */
  function withKey<T>(shared: Uint8Array, info: Uint8Array, use: (key: Uint8Array, nonce: Uint8Array) => T): T {
    const context = concatBytes([BASE_MODE, pskIdHash, extract(hpkeId, EMPTY, "info_hash", info)]);
    const secret = extract(hpkeId, shared, "secret", EMPTY);
    const key = expand(hpkeId, secret, "key", context, aead.keyLength);
    const nonce = expand(hpkeId, secret, "base_nonce", context, aead.nonceLength);
    try {
      return use(key, nonce);
    } finally {
      for (const used of [shared, secret, key]) used.fill(0);
    }
  }

  /** A new key pair: random bytes are a private key of X25519 and X448, and are input of a derivation for the NIST curves. */
  function generateKeyPair(): DhPrivateKey {
    const bytes = random(group.privateLength);
    return (isMontgomery ? group.importPrivate(bytes) : undefined) ?? deriveKeyPair(bytes);
  }

  /**
   * RFC 9180 §7.1.3. Every string of the right length is a private key of X25519 and X448. For the NIST curves, candidates are drawn until
   * one is below the group's order; for P-521 the mask of the first byte makes that likely.
   */
  function deriveKeyPair(ikm: Uint8Array): DhPrivateKey {
    const prk = extract(kemId, EMPTY, "dkp_prk", ikm);
    try {
      if (isMontgomery) {
        const key = group.importPrivate(expand(kemId, prk, "sk", EMPTY, group.privateLength));
        if (key !== undefined) return key;
      } else {
        for (let counter = 0; counter < 256; counter++) {
          const candidate = expand(kemId, prk, "candidate", Uint8Array.of(counter), group.privateLength);
          if (names.dh === "P-521") candidate[0] = (candidate[0] ?? 0) & 1;
          const key = group.importPrivate(candidate);
          if (key !== undefined) return key;
        }
      }
    } finally {
      prk.fill(0);
    }
    throw new Error("HPKE DeriveKeyPair found no private key in 256 attempts");
  }

  return {
    seal: (publicKey, info, aad, plaintext) => {
      const sent = encapsulate(publicKey);
      if (sent === undefined) return undefined;
      const ciphertext = withKey(sent.shared, info, (key, nonce) => aead.seal(key, nonce, aad, plaintext));
      return { kemOutput: sent.kemOutput, ciphertext };
    },
    open: (privateKey, info, aad, { kemOutput, ciphertext }) => {
      const shared = decapsulate(privateKey, kemOutput);
      return shared && withKey(shared, info, (key, nonce) => aead.open(key, nonce, aad, ciphertext));
    },
    deriveKeyPair,
    generateKeyPair,
  };
}

const VERSION = ascii("HPKE-v1");
const BASE_MODE = Uint8Array.of(0);

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}
