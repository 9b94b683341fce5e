import type { KeyObject } from "node:crypto";
import type { PublicJwk } from "@parley/did";
import type { Curve } from "./curve.ts";

/** A private JWK: the members of the public key, and `d` in base64url (RFC 7518, section 6.2.2; RFC 8037). */
export type PrivateJwk = PublicJwk & { readonly d: string };

/** A private key. A JWK is imported once per object, so pass the same object for each message. */
export type PrivateKeyInput = KeyObject | PrivateJwk;

/** A public key. A JWK is imported once per object, so pass the same object for each message. */
export type PublicKeyInput = KeyObject | PublicJwk;

/** One of our private keys and its id. */
export interface OwnKey {
  /** Absolute DID URL of the verification method: `did:web:alice.example#key-1`. */
  readonly kid: string;
  readonly privateKey: PrivateKeyInput;
}

/** The public key of a peer and its id. */
export interface PeerKey {
  /** Absolute DID URL of the verification method: `did:web:bob.example#key-1`. */
  readonly kid: string;
  readonly publicKey: PublicKeyInput;
}

/** An imported key. */
export interface ImportedKey<C extends Curve = Curve> {
  readonly curve: C;
  readonly key: KeyObject;
}

/** Whether the curve of a key is suitable for a purpose. */
export function isOn<C extends Curve>(key: ImportedKey, isCurve: (curve: string) => curve is C): key is ImportedKey<C> {
  return isCurve(key.curve);
}
