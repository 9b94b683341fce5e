import type { KeyObject, webcrypto } from "node:crypto";
import { didOf } from "@parley/did";
import { importParameters, isCurve, type Curve, type ImportedKey } from "./curves.ts";

/** A private key and the id of its verification method. */
export interface SigningKey {
  /** Absolute DID URL of the verification method: `did:web:issuer.example#signing`. */
  readonly kid: string;
  /** Ed25519, P-256 or P-384. A `KeyObject` is imported into WebCrypto once and cached until it is garbage-collected. */
  readonly privateKey: webcrypto.CryptoKey | KeyObject;
}

/** An imported private key. */
export interface Signer extends ImportedKey {
  readonly kid: string;
  /** The DID in the key id. */
  readonly did: string;
}

const NODE_CURVES: Readonly<Record<string, Curve>> = { prime256v1: "P-256", secp384r1: "P-384" };

const imported = new WeakMap<KeyObject, Promise<ImportedKey>>();

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
  const key = "export" in privateKey ? await importKeyObject(privateKey) : checkCryptoKey(privateKey);
  return { ...key, kid, did };
}

function checkCryptoKey(cryptoKey: webcrypto.CryptoKey): ImportedKey {
  const { name, namedCurve } = cryptoKey.algorithm as webcrypto.EcKeyAlgorithm;
  const curve = name === "ECDSA" ? namedCurve : name;
  if (!isCurve(curve) || curve === "P-521" || !cryptoKey.usages.includes("sign")) throw unusableKey();
  return { curve, cryptoKey };
}

function importKeyObject(key: KeyObject): Promise<ImportedKey> {
  const known = imported.get(key);
  if (known !== undefined) return known;
  const { asymmetricKeyType, asymmetricKeyDetails } = key;
  const curve = asymmetricKeyType === "ed25519" ? "Ed25519" : NODE_CURVES[asymmetricKeyDetails?.namedCurve ?? ""];
  if (key.type !== "private" || curve === undefined) throw unusableKey();
  // As DER: the JWK export of a generated key can deadlock Node 20.
  const der = key.export({ format: "der", type: "pkcs8" });
  const promise = crypto.subtle
    .importKey("pkcs8", der, importParameters(curve), false, ["sign"])
    .then((cryptoKey) => ({ curve, cryptoKey }));
  imported.set(key, promise);
  return promise;
}

function unusableKey(): TypeError {
  return new TypeError("The key must be a private key of Ed25519, P-256 or P-384");
}
