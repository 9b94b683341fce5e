import type { Hkdf } from "./hkdf.ts";
import type { Aead, DhGroup, DhPrivateKey } from "./primitives.ts";
import type { AeadName, DhName, HashName } from "./suites.ts";

const EMPTY: Uint8Array = new Uint8Array(0);
const KEM_IDS: Record<DhName, number> = { "P-256": 0x10, "P-384": 0x11, "P-521": 0x12, X25519: 0x20, X448: 0x21 };
const KDF_IDS: Record<HashName, number> = { "SHA-256": 1, "SHA-384": 2, "SHA-512": 3 };
const AEAD_IDS: Record<AeadName, number> = { "AES-128-GCM": 1, "AES-256-GCM": 2, "ChaCha20-Poly1305": 3 };

/** HPKE in base mode, single-shot ([RFC 9180](https://www.rfc-editor.org/rfc/rfc9180.html)). */
export interface HpkeSuite {
  /** `undefined` when `publicKey` isn't one. */
  seal(publicKey: Uint8Array, info: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Sealed | undefined;
  /** `undefined` when the ciphertext isn't for this key. */
  open(key: DhPrivateKey, enc: Uint8Array, info: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined;
  exportTo(publicKey: Uint8Array, info: Uint8Array, context: Uint8Array, length: number): Exported | undefined;
  exportFrom(key: DhPrivateKey, enc: Uint8Array, info: Uint8Array, context: Uint8Array, length: number): Uint8Array | undefined;
  deriveKeyPair(ikm: Uint8Array): DhPrivateKey;
}

export interface Sealed {
  readonly enc: Uint8Array;
  readonly ciphertext: Uint8Array;
}

export interface Exported {
  readonly enc: Uint8Array;
  readonly secret: Uint8Array;
}

/** What HPKE is built from. The KEM's own KDF is the same as the suite's, as in every suite of RFC 9420. */
export interface HpkeParts {
  readonly kem: DhName;
  readonly kdf: HashName;
  readonly aead: AeadName;
}

export function createHpke(names: HpkeParts, group: DhGroup, kdf: Hkdf, aead: Aead, random: (length: number) => Uint8Array): HpkeSuite {
  const kemId = join(ascii("KEM"), u16(KEM_IDS[names.kem]));
  const hpkeId = join(ascii("HPKE"), u16(KEM_IDS[names.kem]), u16(KDF_IDS[names.kdf]), u16(AEAD_IDS[names.aead]));

  const extract = (id: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array): Uint8Array =>
    kdf.extract(salt, join(VERSION, id, ascii(label), ikm));
  const expand = (id: Uint8Array, prk: Uint8Array, label: string, info: Uint8Array, length: number): Uint8Array =>
    kdf.expand(prk, join(u16(length), VERSION, id, ascii(label), info), length);

  const pskIdHash = extract(hpkeId, EMPTY, "psk_id_hash", EMPTY);

  function sharedSecret(dh: Uint8Array, enc: Uint8Array, recipient: Uint8Array): Uint8Array {
    const prk = extract(kemId, EMPTY, "eae_prk", dh);
    const secret = expand(kemId, prk, "shared_secret", join(enc, recipient), kdf.length);
    dh.fill(0);
    prk.fill(0);
    return secret;
  }

  /** RFC 9180 §4.1 Encap. */
  function encapsulate(recipient: Uint8Array): { readonly enc: Uint8Array; readonly shared: Uint8Array } | undefined {
    if (recipient.length !== group.publicLength) return undefined;
    const ephemeral = deriveKeyPair(random(group.privateLength));
    const dh = ephemeral.agree(recipient);
    ephemeral.raw.fill(0);
    return dh && { enc: ephemeral.publicKey, shared: sharedSecret(dh, ephemeral.publicKey, recipient) };
  }

  /** RFC 9180 §4.1 Decap. */
  function decapsulate(key: DhPrivateKey, enc: Uint8Array): Uint8Array | undefined {
    if (enc.length !== group.publicLength) return undefined;
    const dh = key.agree(enc);
    return dh && sharedSecret(dh, enc, key.publicKey);
  }

  /** RFC 9180 §5.1 KeySchedule in base mode. The shared secret is erased. */
  function schedule<T>(shared: Uint8Array, info: Uint8Array, use: (secret: Uint8Array, context: Uint8Array) => T): T {
    const context = join(BASE_MODE, pskIdHash, extract(hpkeId, EMPTY, "info_hash", info));
    const secret = extract(hpkeId, shared, "secret", EMPTY);
    shared.fill(0);
    try {
      return use(secret, context);
    } finally {
      secret.fill(0);
    }
  }

  function withKey<T>(shared: Uint8Array, info: Uint8Array, use: (key: Uint8Array, nonce: Uint8Array) => T): T {
    return schedule(shared, info, (secret, context) => {
      const key = expand(hpkeId, secret, "key", context, aead.keyLength);
      const nonce = expand(hpkeId, secret, "base_nonce", context, aead.nonceLength);
      try {
        return use(key, nonce);
      } finally {
        key.fill(0);
      }
    });
  }

  function exportSecret(shared: Uint8Array, info: Uint8Array, exporterContext: Uint8Array, length: number): Uint8Array {
    return schedule(shared, info, (secret, context) => {
      const exporter = expand(hpkeId, secret, "exp", context, kdf.length);
      const exported = expand(hpkeId, exporter, "sec", exporterContext, length);
      exporter.fill(0);
      return exported;
    });
  }

  /** RFC 9180 §7.1.3. */
  function deriveKeyPair(ikm: Uint8Array): DhPrivateKey {
    const prk = extract(kemId, EMPTY, "dkp_prk", ikm);
    try {
      if (names.kem === "X25519" || names.kem === "X448") {
        const key = group.importPrivate(expand(kemId, prk, "sk", EMPTY, group.privateLength));
        if (key !== undefined) return key;
      } else {
        for (let counter = 0; counter < 256; counter++) {
          const candidate = expand(kemId, prk, "candidate", Uint8Array.of(counter), group.privateLength);
          if (names.kem === "P-521") candidate[0] = (candidate[0] ?? 0) & 1;
          const key = group.importPrivate(candidate);
          if (key !== undefined) return key;
        }
      }
    } finally {
      prk.fill(0);
    }
    throw new Error("No key follows from this input");
  }

  return {
    seal: (publicKey, info, aad, plaintext) => {
      const sent = encapsulate(publicKey);
      return (
        sent && {
          enc: sent.enc,
          ciphertext: withKey(sent.shared, info, (key, nonce) => aead.seal(key, nonce, aad, plaintext)),
        }
      );
    },
    open: (privateKey, enc, info, aad, ciphertext) => {
      const shared = decapsulate(privateKey, enc);
      return shared && withKey(shared, info, (key, nonce) => aead.open(key, nonce, aad, ciphertext));
    },
    exportTo: (publicKey, info, context, length) => {
      const sent = encapsulate(publicKey);
      return sent && { enc: sent.enc, secret: exportSecret(sent.shared, info, context, length) };
    },
    exportFrom: (key, enc, info, context, length) => {
      const shared = decapsulate(key, enc);
      return shared && exportSecret(shared, info, context, length);
    },
    deriveKeyPair,
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

function join(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
