import { generateKeyPairSync } from "node:crypto";
import type { SigningKey } from "@parley/vc";

/** A did:key with its key. */
export function didKey(): { did: string; key: SigningKey } {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const bytes = Buffer.concat([Buffer.from([0xed, 0x01]), publicKey.export({ format: "der", type: "spki" }).subarray(-32)]);
  let [text, rest] = ["", BigInt(`0x${bytes.toString("hex")}`)];
  for (; rest > 0n; rest /= 58n) text = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".charAt(Number(rest % 58n)) + text;
  return { did: `did:key:z${text}`, key: { kid: `did:key:z${text}#z${text}`, privateKey } };
}
