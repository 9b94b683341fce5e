import { createHkdf } from "./hkdf.ts";
import type { MessageCrypto } from "./mls-crypto.ts";
import type { Primitives, SignatureScheme } from "./primitives.ts";
import type { Suite } from "./suites.ts";

/** The synchronous cryptography of the message path. */
export function createMessageCrypto(suite: Suite, primitives: Primitives, signature: SignatureScheme): MessageCrypto {
  const kdf = createHkdf(primitives.digest(suite.kdf));
  const aead = primitives.aead(suite.aead);
  return {
    hashLength: kdf.length,
    keyLength: aead.keyLength,
    nonceLength: aead.nonceLength,
    expand: kdf.expand,
    seal: aead.seal,
    open: aead.open,
    sign: signature.sign,
    verify: signature.verify,
    random: primitives.random,
  };
}
