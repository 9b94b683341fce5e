import { diffieHellman, timingSafeEqual, type KeyObject } from "node:crypto";

const staticSecrets = new WeakMap<KeyObject, WeakMap<KeyObject, Buffer>>();

/**
 * The secret that a private key and a public key of the same curve agree on.
 *
 * @throws Error if it is all zeros, as it is with X25519 public keys of low order (RFC 7748, section 6.1).
 */
export function agree(privateKey: KeyObject, publicKey: KeyObject): Buffer {
  const secret = diffieHellman({ privateKey, publicKey });
  // OpenSSL refuses these itself; no version of it gets to decide that.
  if (timingSafeEqual(secret, Buffer.alloc(secret.length))) throw new Error("The public key is of low order");
  return secret;
}

/** The same for two keys that last, kept for as long as both are in use. */
export function agreeStatic(privateKey: KeyObject, publicKey: KeyObject): Buffer {
  let secrets = staticSecrets.get(privateKey);
  if (secrets === undefined) staticSecrets.set(privateKey, (secrets = new WeakMap()));
  let secret = secrets.get(publicKey);
  if (secret === undefined) secrets.set(publicKey, (secret = agree(privateKey, publicKey)));
  return secret;
}
