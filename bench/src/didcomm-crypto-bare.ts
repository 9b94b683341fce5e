import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hash,
  randomBytes,
  type KeyObject,
} from "node:crypto";
import type { Party } from "./didcomm-crypto-parties.ts";

const WRAP_IV = Buffer.alloc(8, 0xa6);
// About as long as those of a real message.
const [HEADER, KDF_INPUT, KIDS, PLAINTEXT] = [Buffer.alloc(470), Buffer.alloc(180), Buffer.alloc(21), Buffer.alloc(200)];

/**
 * Only what node:crypto does for an authcrypt message on X25519, without a byte of JSON, base64 or a check: as fast as anything on top of
 * it could be.
 */
export class BareCrypto {
  readonly #own: KeyObject;
  readonly #peer: KeyObject;
  readonly #epk: Party["publicKey"];
  readonly #wrapped: Buffer;
  readonly #ciphertext: Buffer;

  constructor({ privateKey }: Party, { publicKey }: Party) {
    this.#own = createPrivateKey({ key: { ...privateKey }, format: "jwk" });
    this.#peer = createPublicKey({ key: { ...publicKey }, format: "jwk" });
    this.#epk = publicKey;
    this.#wrapped = createCipheriv("aes256-wrap", Buffer.alloc(32), WRAP_IV).update(Buffer.alloc(64));
    this.#ciphertext = whole(createCipheriv("aes-256-cbc", Buffer.alloc(32), Buffer.alloc(16)), PLAINTEXT);
  }

  pack(): void {
    // The JWK is asked for in the call: exporting a generated key can deadlock Node 20.
    const pair: { privateKey: unknown } = generateKeyPairSync("x25519", { publicKeyEncoding: { format: "jwk" } } as never);
    const [key, iv] = [randomBytes(64), randomBytes(16)];
    tag(key, iv, whole(createCipheriv("aes-256-cbc", key.subarray(32), iv), PLAINTEXT));
    createCipheriv("aes256-wrap", this.#kek(pair.privateKey as KeyObject, this.#peer), WRAP_IV).update(key);
  }

  unpack(): void {
    this.#kek(this.#own, createPublicKey({ key: { ...this.#epk }, format: "jwk" }));
    const key = createDecipheriv("aes256-wrap", Buffer.alloc(32), WRAP_IV).update(this.#wrapped);
    const iv = Buffer.alloc(16);
    tag(key, iv, this.#ciphertext);
    whole(createDecipheriv("aes-256-cbc", key.subarray(32), iv), this.#ciphertext);
  }

  /** With the secret of the two lasting keys from a cache, and the hash of the recipients' ids. */
  #kek(privateKey: KeyObject, publicKey: KeyObject): Buffer {
    hash("sha256", KIDS, "buffer");
    return hash("sha256", Buffer.concat([diffieHellman({ privateKey, publicKey }), KDF_INPUT]), "buffer");
  }
}

function whole(cipher: ReturnType<typeof createCipheriv>, data: Uint8Array): Buffer {
  return Buffer.concat([cipher.update(data), cipher.final()]);
}

function tag(key: Buffer, iv: Buffer, ciphertext: Buffer): Buffer {
  return createHmac("sha512", key.subarray(0, 32)).update(HEADER).update(iv).update(ciphertext).update(WRAP_IV).digest();
}
