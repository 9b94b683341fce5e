import type { KeyObject } from "node:crypto";
import type { PublicJwk } from "@parley/did";
import type { Curve } from "./curve.ts";

/** A public JWK and its private part `d`, in base64url (RFC 7518, section 6.2.2; RFC 8037). */
export type PrivateJwk = PublicJwk & { readonly d: string };

/** A private key. A JWK is imported once and kept for as long as the object lives: hand over the same object again. */
export type PrivateKeyInput = KeyObject | PrivateJwk;

/** A public key. A JWK is imported once and kept for as long as the object lives: hand over the same object again. */
export type PublicKeyInput = KeyObject | PublicJwk;

/** A private key of our own and its id. */
export interface OwnKey {
  /** Absolute DID URL of the verification method: `did:web:alice.example#key-1`. */
  readonly kid: string;
  readonly privateKey: PrivateKeyInput;
}

/** Somebody's public key and its id. */
export interface PeerKey {
  /** Absolute DID URL of the verification method: `did:web:bob.example#key-1`. */
  readonly kid: string;
  readonly publicKey: PublicKeyInput;
}

/** A key that has been imported. */
export interface ImportedKey<C extends Curve = Curve> {
  readonly curve: C;
  readonly key: KeyObject;
}

/** Whether a key is narrowed to the curves of a purpose. */
export function isOn<C extends Curve>(key: ImportedKey, isCurve: (curve: string) => curve is C): key is ImportedKey<C> {
  return isCurve(key.curve);
}
