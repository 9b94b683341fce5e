import type { webcrypto } from "node:crypto";

// ts-mls's types name the CryptoKey of the DOM; Node's types have it under another name only.
declare global {
  interface CryptoKey extends webcrypto.CryptoKey {}
}
