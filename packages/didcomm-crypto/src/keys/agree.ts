import { diffieHellman, timingSafeEqual, type KeyObject } from "node:crypto";

const staticSecrets = new WeakMap<KeyObject, WeakMap<KeyObject, Buffer>>();

/**
 * Computes the shared secret of a private key and a public key on the same curve.
 *
 * @throws Error if the secret is all zeros, which X25519 public keys of low order cause (RFC 7748, section 6.1).
 */
export function agree(privateKey: KeyObject, publicKey: KeyObject): Buffer {
  const secret = diffieHellman({ privateKey, publicKey });
  // OpenSSL rejects such keys too. This check does not depend on its version.
  if (timingSafeEqual(secret, Buffer.alloc(secret.length))) throw new Error("The public key is a low-order point");
  return secret;
}

/** Like {@link agree}, for two static keys. The secret is cached until one of the keys is garbage-collected. */
export function agreeStatic(privateKey: KeyObject, publicKey: KeyObject): Buffer {
  let secrets = staticSecrets.get(privateKey);
  if (secrets === undefined) staticSecrets.set(privateKey, (secrets = new WeakMap()));
  let secret = secrets.get(publicKey);
  if (secret === undefined) secrets.set(publicKey, (secret = agree(privateKey, publicKey)));
  return secret;
}
