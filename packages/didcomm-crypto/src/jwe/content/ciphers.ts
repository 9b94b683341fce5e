import type { ContentAlgorithm } from "../algorithms.ts";
import { a256cbcHs512 } from "./a256cbc-hs512.ts";
import { a256gcm } from "./a256gcm.ts";
import type { ContentCipher, ContentDecipher } from "./content-cipher.ts";
import { xc20p } from "./xc20p.ts";

/** Content encryption for outgoing messages. XC20P is only decrypted. */
export type WrittenContentAlgorithm = Exclude<ContentAlgorithm, "XC20P">;

export const CIPHERS: Readonly<Record<WrittenContentAlgorithm, ContentCipher>> = { "A256CBC-HS512": a256cbcHs512, A256GCM: a256gcm };

export const DECIPHERS: Readonly<Record<ContentAlgorithm, ContentDecipher>> = { ...CIPHERS, XC20P: xc20p };
