import { createPrivateKey, KeyObject } from "node:crypto";
import { DidcommCryptoError } from "../didcomm-crypto-error.ts";
import {
  curveOf,
  isAgreementCurve,
  isSigningCurve,
  isVerifyingCurve,
  type AgreementCurve,
  type SigningCurve,
  type VerifyingCurve,
} from "./curve.ts";
import { isOn, type ImportedKey, type PrivateJwk, type PrivateKeyInput, type PublicKeyInput } from "./key.ts";
import { importPublicJwk } from "./public-jwk.ts";

const imported = new WeakMap<object, ImportedKey>();

/**
 * Imports a peer's key for key agreement.
 *
 * @throws DidcommCryptoError `key_unsupported`
 */
export function agreementPublicKey(input: PublicKeyInput): ImportedKey<AgreementCurve> {
  const key = publicKey(input);
  if (!isOn(key, isAgreementCurve)) throw unsupported(`Keys of ${key.curve} cannot be used for key agreement`);
  return key;
}

/**
 * Imports a peer's key for verification.
 *
 * @throws DidcommCryptoError `key_unsupported`
 */
export function verifyingPublicKey(input: PublicKeyInput): ImportedKey<VerifyingCurve> {
  const key = publicKey(input);
  if (!isOn(key, isVerifyingCurve)) throw unsupported(`Keys of ${key.curve} cannot be used for signatures`);
  return key;
}

/**
 * Imports our key for key agreement.
 *
 * @throws TypeError if it is not a supported private key.
 */
export function agreementPrivateKey(input: PrivateKeyInput): ImportedKey<AgreementCurve> {
  const key = privateKey(input);
  if (!isOn(key, isAgreementCurve)) throw new TypeError(`Private keys of ${key.curve} cannot be used for key agreement`);
  return key;
}

/**
 * Imports our key for signing.
 *
 * @throws TypeError if it is not a supported private key.
 */
export function signingPrivateKey(input: PrivateKeyInput): ImportedKey<SigningCurve> {
  const key = privateKey(input);
  if (!isOn(key, isSigningCurve))
    throw new TypeError(`Keys of ${key.curve} cannot be used for signing. Supported curves: Ed25519, P-256, P-384`);
  return key;
}

function publicKey(input: PublicKeyInput): ImportedKey {
  const known = imported.get(input);
  if (known?.key.type === "public") return known;
  if (input instanceof KeyObject && input.type !== "public") throw new TypeError("A private key was passed as a public key");
  const key = input instanceof KeyObject ? ofKeyObject(input) : importPublicJwk(input);
  if (key === undefined) throw unsupported("The public key is invalid, or its type is not supported");
  imported.set(input, key);
  return key;
}

function privateKey(input: PrivateKeyInput): ImportedKey {
  const known = imported.get(input);
  if (known?.key.type === "private") return known;
  const key = input instanceof KeyObject ? ofKeyObject(input) : importPrivateJwk(input);
  if (key?.key.type !== "private") throw new TypeError("The private key must be a private KeyObject or JWK on a supported curve");
  imported.set(input, key);
  return key;
}

function ofKeyObject(key: KeyObject): ImportedKey | undefined {
  const curve = curveOf(key);
  return curve === undefined ? undefined : { curve, key };
}

function importPrivateJwk(jwk: PrivateJwk): ImportedKey | undefined {
  try {
    return ofKeyObject(createPrivateKey({ key: { ...jwk }, format: "jwk" }));
  } catch {
    // OpenSSL's error is dropped, since it could contain parts of the key.
    return undefined;
  }
}

function unsupported(message: string): DidcommCryptoError {
  return new DidcommCryptoError("key_unsupported", message);
}
