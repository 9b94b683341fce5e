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

/** @throws DidcommCryptoError `key_unsupported` */
export function agreementPublicKey(input: PublicKeyInput): ImportedKey<AgreementCurve> {
  const key = publicKey(input);
  if (!isOn(key, isAgreementCurve)) throw unsupported(`A key of ${key.curve} can't agree on a secret`);
  return key;
}

/** @throws DidcommCryptoError `key_unsupported` */
export function verifyingPublicKey(input: PublicKeyInput): ImportedKey<VerifyingCurve> {
  const key = publicKey(input);
  if (!isOn(key, isVerifyingCurve)) throw unsupported(`Messages are not signed with keys of ${key.curve}`);
  return key;
}

/** @throws TypeError */
export function agreementPrivateKey(input: PrivateKeyInput): ImportedKey<AgreementCurve> {
  const key = privateKey(input);
  if (!isOn(key, isAgreementCurve)) throw new TypeError(`A private key of ${key.curve} can't agree on a secret`);
  return key;
}

/** @throws TypeError */
export function signingPrivateKey(input: PrivateKeyInput): ImportedKey<SigningCurve> {
  const key = privateKey(input);
  if (!isOn(key, isSigningCurve)) throw new TypeError(`Sign with a key of Ed25519, P-256 or P-384, not of ${key.curve}`);
  return key;
}

function publicKey(input: PublicKeyInput): ImportedKey {
  const known = imported.get(input);
  if (known?.key.type === "public") return known;
  if (input instanceof KeyObject && input.type !== "public") throw new TypeError("A private key stands where a public key belongs");
  const key = input instanceof KeyObject ? ofKeyObject(input) : importPublicJwk(input);
  if (key === undefined) throw unsupported("The public key is of a kind that this library does not know, or no key");
  imported.set(input, key);
  return key;
}

function privateKey(input: PrivateKeyInput): ImportedKey {
  const known = imported.get(input);
  if (known?.key.type === "private") return known;
  const key = input instanceof KeyObject ? ofKeyObject(input) : importPrivateJwk(input);
  if (key?.key.type !== "private") throw new TypeError("The private key must be a private KeyObject or JWK of a known curve");
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
    // OpenSSL's error is left behind: nobody knows how much of the key it tells.
    return undefined;
  }
}

function unsupported(message: string): DidcommCryptoError {
  return new DidcommCryptoError("key_unsupported", message);
}
