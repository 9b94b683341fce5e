import type { KeyObject, webcrypto } from "node:crypto";
import { didOf } from "@parley/did";
import { isCurve, type PrivateKey } from "./curves.ts";
import { secp256k1PrivateKey } from "./secp256k1.ts";
import { importParameters, webCryptoPrivateKey, type WebCryptoCurve } from "./web-crypto.ts";

/** A private key and the id of its verification method. */
export interface SigningKey {
  /** Absolute DID URL of the verification method: `did:web:issuer.example#signing`. */
  readonly kid: string;
  /** Ed25519, P-256, P-384 or, as a `KeyObject`, secp256k1. A `KeyObject` is imported once and cached until it is garbage-collected. */
  readonly privateKey: webcrypto.CryptoKey | KeyObject;
}

/** An imported private key. */
export interface Signer extends PrivateKey {
  readonly kid: string;
  /** The DID in the key id. */
  readonly did: string;
}

const NODE_CURVES: Readonly<Record<string, WebCryptoCurve>> = { prime256v1: "P-256", secp384r1: "P-384" };

const imported = new WeakMap<KeyObject, Promise<PrivateKey>>();

/**
 * Imports a signing key.
 *
 * @throws TypeError if the key or its id is invalid.
 */
export async function importSigner({ kid, privateKey }: SigningKey): Promise<Signer> {
  const did = didOf(kid);
  if (did === undefined || !kid.startsWith(`${did}#`) || kid.length === did.length + 1) {
    throw new TypeError("The key's kid must be an absolute DID URL with a fragment");
  }
  return { ...(await importPrivateKey(privateKey)), kid, did };
}

/**
 * Imports a private key.
 *
 * @throws TypeError if the key cannot sign credentials.
 */
export async function importPrivateKey(privateKey: SigningKey["privateKey"]): Promise<PrivateKey> {
  return "export" in privateKey ? importKeyObject(privateKey) : checkCryptoKey(privateKey);
}

function checkCryptoKey(cryptoKey: webcrypto.CryptoKey): PrivateKey {
  const { name, namedCurve } = cryptoKey.algorithm as webcrypto.EcKeyAlgorithm;
  const curve = name === "ECDSA" ? namedCurve : name;
  if (!isCurve(curve) || curve === "P-521" || curve === "secp256k1" || !cryptoKey.usages.includes("sign")) throw unusableKey();
  return webCryptoPrivateKey(curve, cryptoKey);
}

function importKeyObject(key: KeyObject): Promise<PrivateKey> {
  const known = imported.get(key);
  if (known !== undefined) return known;
  const promise = readKeyObject(key);
  imported.set(key, promise);
  return promise;
}

async function readKeyObject(key: KeyObject): Promise<PrivateKey> {
  const { asymmetricKeyType, asymmetricKeyDetails } = key;
  const curve = asymmetricKeyType === "ed25519" ? "Ed25519" : NODE_CURVES[asymmetricKeyDetails?.namedCurve ?? ""];
  if (key.type !== "private") throw unusableKey();
  if (asymmetricKeyDetails?.namedCurve === "secp256k1") return secp256k1PrivateKey(key);
  if (curve === undefined) throw unusableKey();
  // As DER: the JWK export of a generated key can deadlock Node 20.
  const der = key.export({ format: "der", type: "pkcs8" });
  return webCryptoPrivateKey(curve, await crypto.subtle.importKey("pkcs8", der, importParameters(curve), false, ["sign"]));
}

function unusableKey(): TypeError {
  return new TypeError("The key must be a private key of Ed25519, P-256, P-384 or, as a KeyObject, secp256k1");
}
