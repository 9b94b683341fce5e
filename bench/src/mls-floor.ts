import { createCipheriv, createDecipheriv, createHmac, generateKeyPairSync, randomBytes, sign, verify } from "node:crypto";
import { measure, type Variant } from "./harness.ts";
import { OwnGroup } from "./mls-own.ts";

const COUNT = 1000;
const PAYLOAD = new Uint8Array(1024).fill(7);
/** Of a message with this payload: what is signed, what is encrypted with the padding, and what names the sender. */
const [SIGNED, PADDED, SENDER_DATA] = [1200, 2048, 12].map((length) => new Uint8Array(length)) as [Uint8Array, Uint8Array, Uint8Array];
const TAG = 16;
/** Derivations for a message: key, nonce and next secret of the ratchet (RFC 9420 §9.1), key and nonce of the sender data (§6.3.2). */
const DERIVATIONS = 5;
/** Bytes that a derivation expands: the label, and a generation or a sample of the ciphertext. */
const INFO = new Uint8Array(40);

/** Encryption and decryption of a message, against only those calls of `node:crypto` that no implementation of the standard can leave out. */
export async function mlsFloor(): Promise<void> {
  const group = await OwnGroup.of(2, "memory");
  const sent: Uint8Array[] = [];
  const keys = generateKeyPairSync("ed25519");
  const signature = sign(null, SIGNED, keys.privateKey);
  const [key, nonce, secret] = [randomBytes(16), randomBytes(12), randomBytes(32)];
  const seal = (data: Uint8Array): Buffer => {
    const cipher = createCipheriv("aes-128-gcm", key, nonce);
    return Buffer.concat([cipher.update(data), cipher.final(), cipher.getAuthTag()]);
  };
  const open = (data: Uint8Array): void => {
    const decipher = createDecipheriv("aes-128-gcm", key, nonce);
    decipher.setAuthTag(data.subarray(-TAG));
    decipher.update(data.subarray(0, -TAG));
    decipher.final();
  };
  const derive = (): void => {
    for (let n = 0; n < DERIVATIONS; n++) createHmac("sha256", secret).update(INFO).digest();
  };
  const encryptBare = (): void => {
    sign(null, SIGNED, keys.privateKey);
    seal(PADDED);
    seal(SENDER_DATA);
  };
  const sealed = [seal(PADDED), seal(SENDER_DATA)] as const;
  const decryptBare = (): void => {
    sealed.forEach(open);
    verify(null, SIGNED, keys.publicKey, signature);
  };
  const bare = "Ed25519 and AES-GCM alone";
  const withSchedule = `the same, and ${DERIVATIONS} times HMAC for the key schedule`;
  try {
    for (let n = 0; n < 4 * COUNT; n++) await group.decrypt(await group.encrypt(PAYLOAD));
    await measure({
      title: "Encrypt 1 KiB, CPU time",
      unit: "µs",
      baseline: bare,
      variants: [
        cpuOf("ours, state in memory", async () => sent.push(await group.encrypt(PAYLOAD))),
        cpuOf(bare, encryptBare),
        cpuOf(withSchedule, () => {
          derive();
          encryptBare();
        }),
      ],
    });
    await measure({
      title: "Decrypt 1 KiB, CPU time",
      unit: "µs",
      baseline: bare,
      variants: [
        cpuOf("ours, state in memory", async () => group.decrypt(sent.shift() ?? new Uint8Array())),
        cpuOf(bare, decryptBare),
        cpuOf(withSchedule, () => {
          derive();
          decryptBare();
        }),
      ],
    });
  } finally {
    await group.close();
  }
}

/** CPU time of one call, in microseconds. */
function cpuOf(name: string, run: () => unknown): Variant {
  return {
    name,
    run: async () => {
      const before = process.cpuUsage();
      for (let n = 0; n < COUNT; n++) await run();
      const { user, system } = process.cpuUsage(before);
      return (user + system) / COUNT;
    },
  };
}
