import { createHash, generateKeyPair } from "node:crypto";
import { isJsonObject, type JsonObject } from "@parley/core";
import { agentJwks, agentKids, signKeyStatement, type AgentPublicKeys, type PrivateJwk } from "@parley/didcomm-crypto";
import { didKeyDocument, didKeyOf, publicKeyJwk, verificationMethodsOf, type DidDocument } from "@parley/did";
import { KeyedMutex } from "@parley/core/internal";
import { placeOf } from "./directory-key-store.ts";
import { EndToEndError } from "./end-to-end-error.ts";
import type { KeyStore } from "./key-store.ts";

/** Rotations that are kept, and published: a peer that has missed more of them can't verify the present keys. */
const MAX_ROTATIONS = 16;
const MAX_FORMER = 4;

/** A pair of private keys. */
interface KeyPairs {
  readonly signing: PrivateJwk;
  readonly agreement: PrivateJwk;
}

/** The stored form. */
interface StoredKeys extends KeyPairs {
  readonly version: 1;
  readonly did: string;
  readonly sequence: number;
  /** Keys for decryption that a rotation has replaced, and until when they are kept, in milliseconds since 1970. Newest first. */
  readonly former: readonly { readonly kid: string; readonly agreement: PrivateJwk; readonly until: number }[];
  readonly rotations: readonly string[];
}

/** The private keys of one agent. */
export class Keyring {
  readonly #store: KeyStore;
  readonly #name: string;
  #keys: StoredKeys;
  #document: DidDocument;
  /** Where the keys were stored by this process, if they are new. */
  readonly #createdAt: string | undefined;
  readonly #rotating = new KeyedMutex();

  private constructor(store: KeyStore, name: string, keys: StoredKeys, isNew: boolean) {
    this.#store = store;
    this.#name = name;
    this.#keys = keys;
    this.#document = documentOf(keys);
    this.#createdAt = isNew ? placeOf(store, name) : undefined;
  }

  /**
   * Opens the keys of a DID, and creates missing ones.
   *
   * @param did `undefined` for a did:key, which is its key.
   * @throws EndToEndError `key_store_invalid`; the errors of the store.
   */
  static async open(store: KeyStore, did: string | undefined, now: number): Promise<Keyring> {
    const name = `${did === undefined || did.startsWith("did:key:") ? "did-key" : nameOf(did)}.keys`;
    const place = placeOf(store, name);
    let text = await store.read(name);
    if (text === undefined) {
      if (did?.startsWith("did:key:") === true)
        throw new EndToEndError(
          "key_store_invalid",
          `${place} is missing, which has the key of ${did}: leave agentDid out to create a did:key`,
        );
      if (did !== undefined) await checkIsNew(store, did, place);
      const created = await createKeys(did);
      if (await create(store, name, JSON.stringify(created))) return new Keyring(store, name, created, true);
      // Another process was first.
      text = (await store.read(name)) ?? "";
    }
    const keys = readKeys(text, did, place);
    // Former keys are deleted when they have expired.
    const kept = { ...keys, former: keys.former.filter(({ until }) => until > now) };
    if (kept.former.length < keys.former.length) await store.write(name, JSON.stringify(kept));
    return new Keyring(store, name, kept, false);
  }

  /** Where this process has created the keys; `undefined` if they were there before. */
  get createdAt(): string | undefined {
    return this.#createdAt;
  }

  /** Resolves when no rotation is under way. */
  idle(): Promise<void> {
    return this.#rotating.idle();
  }

  get did(): string {
    return this.#keys.did;
  }

  get publicKeys(): AgentPublicKeys {
    return publicOf(this.#keys);
  }

  /** The agent's own document, as far as it has keys. */
  get document(): DidDocument {
    return this.#document;
  }

  /** Id and private key for signatures. */
  get signingKey(): { readonly kid: string; readonly privateKey: PrivateJwk } {
    return { kid: agentKids(this.did, this.publicKeys).signing, privateKey: this.#keys.signing };
  }

  /** The private key with an id, former ones included until they expire. */
  privateKey(kid: string): PrivateJwk | undefined {
    const { signing, agreement } = agentKids(this.did, this.publicKeys);
    if (kid === agreement) return this.#keys.agreement;
    if (kid === signing) return this.#keys.signing;
    return this.#keys.former.find((former) => former.kid === kid && former.until > Date.now())?.agreement;
  }

  /** The keys as they are presented to the node. @param nowMs the node's time */
  presented(nowMs: number): JsonObject {
    const { did, sequence, rotations } = this.#keys;
    const proof = signKeyStatement({ did, sequence, ...this.publicKeys, madeAt: nowMs }, this.signingKey);
    return { proof, rotations: [...rotations] };
  }

  /**
   * Replaces the keys by new ones, and signs that with the former key. Resolves when they are stored.
   *
   * @param until when the former key for decryption is dropped, in milliseconds since 1970.
   * @throws EndToEndError `rotation_unsupported`
   */
  rotate(until: number, now: number): Promise<void> {
    return this.#rotating.run("", () => this.#rotate(until, now));
  }

  async #rotate(until: number, now: number): Promise<void> {
    const { did, sequence, rotations, former, agreement } = this.#keys;
    if (did.startsWith("did:key:")) throw new EndToEndError("rotation_unsupported", "A did:key is its key: it can't have another one");
    const pairs = await createPairs();
    const next = { did, sequence: sequence + 1, ...publicOf(pairs), madeAt: now, formerUntil: until };
    const rotation = signKeyStatement(next, this.signingKey);
    const replaced = { kid: agentKids(did, this.publicKeys).agreement, agreement, until };
    const keys: StoredKeys = {
      version: 1,
      did,
      sequence: sequence + 1,
      ...pairs,
      former: [replaced, ...former.filter((one) => one.until > now)].slice(0, MAX_FORMER),
      rotations: [...rotations, rotation].slice(-MAX_ROTATIONS),
    };
    await this.#store.write(this.#name, JSON.stringify(keys));
    this.#keys = keys;
    this.#document = documentOf(keys);
  }
}

/** The name of a DID's texts in a key store. */
export function nameOf(did: string): string {
  return createHash("sha256").update(did).digest("base64url").slice(0, 22);
}

async function createKeys(did: string | undefined): Promise<StoredKeys> {
  const fresh = { version: 1, sequence: 0, former: [], rotations: [] } as const;
  const pairs = await createPairs();
  if (did !== undefined) return { ...fresh, did, ...pairs };
  const own = didKeyOf(pairs.signing.x);
  return { ...fresh, did: own, signing: pairs.signing, agreement: agreementOfDidKey(own, pairs.signing) };
}

async function createPairs(): Promise<KeyPairs> {
  const [signing, agreement] = await Promise.all([
    new Promise<PrivateJwk>((resolve, reject) => generateKeyPair("ed25519", JWKS, settling(resolve, reject))),
    new Promise<PrivateJwk>((resolve, reject) => generateKeyPair("x25519", JWKS, settling(resolve, reject))),
  ]);
  return { signing, agreement };
}

/** Keys as JWKs: exporting a generated key later can deadlock Node 20. The types of Node lack this format. */
const JWKS = { publicKeyEncoding: { format: "jwk" }, privateKeyEncoding: { format: "jwk" } } as never;

function settling(resolve: (key: PrivateJwk) => void, reject: (error: Error) => void) {
  return (error: Error | null, _publicKey: unknown, privateKey: unknown): void => {
    if (error === null) resolve(privateKey as PrivateJwk);
    else reject(error);
  };
}

/** The X25519 key that belongs to the Ed25519 key of a did:key (RFC 8032, section 5.1.5, and the birational map of RFC 7748). */
function agreementOfDidKey(did: string, { d }: PrivateJwk): PrivateJwk {
  const [method] = verificationMethodsOf(didKeyDocument(did), "keyAgreement");
  if (method === undefined) throw new TypeError("A did:key of Ed25519 has a key for key agreement");
  const hash = createHash("sha512").update(Buffer.from(d, "base64url")).digest();
  const secret = hash.subarray(0, 32);
  secret[0] = (secret[0] ?? 0) & 248;
  secret[31] = ((secret[31] ?? 0) & 127) | 64;
  const jwk = { kty: "OKP", crv: "X25519", x: publicKeyJwk(method).x, d: secret.toString("base64url") } as const;
  hash.fill(0);
  return jwk;
}

function publicOf({ signing, agreement }: KeyPairs): AgentPublicKeys {
  return { signing: signing.x, agreement: agreement.x };
}

function documentOf(keys: StoredKeys): DidDocument {
  const { did } = keys;
  if (did.startsWith("did:key:")) return didKeyDocument(did);
  const kids = agentKids(did, publicOf(keys));
  const jwks = agentJwks(publicOf(keys));
  const method = (id: string, jwk: object) => ({ id, type: "JsonWebKey2020", controller: did, publicKeyJwk: { ...jwk } });
  return {
    id: did,
    verificationMethod: [method(kids.signing, jwks.signing), method(kids.agreement, jwks.agreement)],
    authentication: [kids.signing],
    assertionMethod: [kids.signing],
    keyAgreement: [kids.agreement],
    capabilityInvocation: [],
    capabilityDelegation: [],
    service: [],
  };
}

/** Stores new keys, unless there are some already. */
async function create(store: KeyStore, name: string, text: string): Promise<boolean> {
  if (store.create !== undefined) return store.create(name, text);
  await store.write(name, text);
  return true;
}

/** Keys that are gone are not replaced by new ones, which neither the node nor other agents accept. */
async function checkIsNew(store: KeyStore, did: string, place: string): Promise<void> {
  const others = [`${nameOf(did)}.pins`, `${nameOf(did)}.handled`];
  const texts = await Promise.all(others.map((name) => store.read(name)));
  const found = others.find((_, index) => texts[index] !== undefined);
  if (found === undefined) return;
  const remedy = "restore it from a backup. To start with new keys, which other agents have to accept, delete both";
  throw new EndToEndError(
    "key_store_invalid",
    `${place} is missing, which has the keys of ${did}, but not ${placeOf(store, found)}: ${remedy}`,
  );
}

/** The text is the program's own: only what damage or a mistake can do to it is checked. */
function readKeys(text: string, did: string | undefined, place: string): StoredKeys {
  let keys: StoredKeys;
  try {
    const value: unknown = JSON.parse(text);
    if (!isJsonObject(value) || value["version"] !== 1) throw new TypeError("another version");
    keys = value as unknown as StoredKeys;
    if (![keys.signing.d, keys.agreement.d, keys.signing.x, keys.agreement.x].every((key) => typeof key === "string" && key.length === 43))
      throw new TypeError("a key is missing");
    if (!Array.isArray(keys.former) || !Array.isArray(keys.rotations)) throw new TypeError("a member is missing");
  } catch {
    // The cause could contain keys.
    throw new EndToEndError("key_store_invalid", `${place} is damaged: its keys can't be read. Restore it from a backup`);
  }
  if (did !== undefined && keys.did !== did)
    throw new EndToEndError("key_store_invalid", `${place} has the keys of ${keys.did}, not of ${did}`);
  return keys;
}
