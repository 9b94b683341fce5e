import type { JsonObject } from "@parley/core";
import { rejectionOf } from "@parley/test-assertions";
import { unpack, type DidcommCryptoErrorCode } from "../src/index.ts";
import { expectCryptoError } from "./expect-error.ts";
import { forge, type ForgeOptions } from "./forge.ts";
import { createParty, reading } from "./parties.ts";

/** Writes to Bob. */
export const alice = createParty("did:example:alice");
/** Has two keys on each curve. */
export const bob = createParty("did:example:bob", 2);
/** Another party whose keys Bob has. */
export const carol = createParty("did:example:carol");
/** Would like to be taken for Alice. */
export const mallory = createParty("did:example:mallory");

export const from = alice.key("X25519");
export const to = bob.key("X25519");
export const bobReads = reading(bob, alice, carol, mallory);

export const plaintext: JsonObject = { id: "1", type: "https://example.org/p/1.0/hello", from: alice.did, to: [bob.did], body: { n: 1 } };

/** Encrypts from Alice to Bob, whatever it is, without a check. */
export function forgeAuth(options: Partial<ForgeOptions>, content: string | JsonObject = plaintext): string {
  return forge(content, { from, to, ...options });
}

/** Expects that Bob does not read this. */
export async function expectRefusal(text: string | Uint8Array, code: DidcommCryptoErrorCode): Promise<void> {
  expectCryptoError(await rejectionOf(unpack(text, bobReads)), code);
}
