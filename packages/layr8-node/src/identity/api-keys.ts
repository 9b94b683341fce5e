import { createHash, randomUUID } from "node:crypto";
import { checkOptions, IS_ANYTHING, IS_BOOLEAN, IS_TEXT, type OptionCheck } from "@parley/core/internal";
import type { DidRule } from "./did-pattern.ts";
import { createKey, hashKey } from "@parley/server-kit";
import type { Records } from "@parley/storage";
import { readDidRule, ruleCovers } from "./did-pattern.ts";
import { type LiveRecords, liveRecords } from "./live-records.ts";

/** Public data of an API key: neither the key nor its hash. */
export interface ApiKeyInfo {
  readonly id: string;
  readonly name: string;
  /** Which DIDs it may bind. */
  readonly dids: DidRule;
  /** Whether the node assigns it ephemeral DIDs. */
  readonly ephemeral: boolean;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** A valid API key that was presented. */
export type ApiKey = ApiKeyInfo;

/** A new API key. */
export interface CreatedApiKey {
  readonly id: string;
  /** The key itself. It can't be read again. */
  readonly key: string;
}

/** Options of a new API key. */
export interface ApiKeyOptions {
  /** Display name. Default: the id. */
  readonly name?: string;
  readonly dids: DidRule;
  /** Whether the node assigns it ephemeral DIDs. Default `true`. */
  readonly ephemeral?: boolean;
}

/** An API key as it is stored. */
export type ApiKeyRecord = {
  readonly id: string;
  readonly name: string;
  /** See `hashKey`. */
  readonly hash: string;
  readonly dids: DidRule;
  readonly ephemeral: boolean;
  readonly createdAt: number;
  /**
   * Whether configuration provides the key: it is valid only in a run whose configuration contains it. The record preserves its id, which
   * owns DIDs.
   */
  readonly imported: boolean;
};

const OPTIONS: Readonly<Record<keyof ApiKeyOptions, OptionCheck>> = { name: IS_TEXT, dids: IS_ANYTHING, ephemeral: IS_BOOLEAN };
const MIN_IMPORTED_LENGTH = 16;
const MAX_PRESENTED_LENGTH = 512;
const HASH = /^[\w-]{43}$/;

/** The API keys of a node. */
export class ApiKeys {
  readonly #records: LiveRecords<ApiKeyRecord>;
  readonly #now: () => number;
  /** By hash. */
  readonly #valid = new Map<string, ApiKeyRecord>();
  readonly #formerlyImported = new Map<string, ApiKeyRecord>();
  /** Ids of the keys that the configuration of this run has. */
  readonly #configured = new Set<string>();

  #onRevoked: (id: string) => void = () => undefined;

  /** @param records other nodes may change {@link LiveRecords}. */
  constructor(records: Records<ApiKeyRecord> | LiveRecords<ApiKeyRecord>, now: () => number = Date.now) {
    this.#records = liveRecords(records, () => undefined);
    this.#now = now;
    for (const record of this.#records.load()) this.#take(record);
    this.#records.onChange((id, record) => {
      if (record !== undefined) return this.#take(record);
      this.#drop(id);
      this.#onRevoked(id);
    });
  }

  /** Sets the listener for keys that another node has revoked. */
  onRevoked(listener: (id: string) => void): void {
    this.#onRevoked = listener;
  }

  /**
   * Creates a key of 256 random bits.
   *
   * @throws TypeError when the rule is invalid.
   * @throws StorageError `storage_failed`
   */
  async create(options: ApiKeyOptions): Promise<CreatedApiKey> {
    if (options === undefined) throw new TypeError('An API key needs options such as { dids: ["did:web:acme.example:*"] }');
    checkOptions<ApiKeyOptions>(options, OPTIONS);
    const key = createKey("l8_");
    const { id } = await this.#add(key, options, false);
    return { id, key };
  }

  /**
   * Adds a key that its holder has created, by its hash.
   *
   * @param hash SHA-256 of the key, base64url.
   * @throws TypeError when hash, name or rule is invalid, or the key is known; StorageError `storage_failed`
   */
  async register({ hash, ...options }: ApiKeyOptions & { readonly hash: string }): Promise<ApiKeyInfo> {
    checkOptions<ApiKeyOptions>(options, OPTIONS);
    if (!HASH.test(hash)) throw new TypeError("hash: must be the SHA-256 of the API key in base64url, 43 characters");
    if (this.#valid.has(hash) || this.#formerlyImported.has(hash)) throw new TypeError("this API key is known already");
    return infoOf(await this.#write(hash, options, false));
  }

  /**
   * Adds a key from the configuration, valid until the process ends. Importing a key again replaces its rule and preserves its id.
   *
   * @throws TypeError when the key is shorter than 16 or longer than 512 characters, or the rule is invalid.
   * @throws StorageError `storage_failed`
   */
  async import(options: ApiKeyOptions & { readonly key: string }): Promise<ApiKeyInfo> {
    const { key } = options;
    if (typeof key !== "string" || key.length < MIN_IMPORTED_LENGTH || key.length > MAX_PRESENTED_LENGTH) {
      throw new TypeError(
        `An API key of the configuration (apiKeys, LAYR8_NODE_API_KEY) must be text of ${MIN_IMPORTED_LENGTH} to ${MAX_PRESENTED_LENGTH} characters`,
      );
    }
    const record = await this.#add(key, options, true);
    this.#configured.add(record.id);
    return infoOf(record);
  }

  /** Whether the configuration has a key, so that a revocation lasts until the next start only. */
  isConfigured(id: string): boolean {
    return this.#configured.has(id);
  }

  /** Finds a valid key by its text. It is looked up by its SHA-256, so the time that this takes reveals nothing about valid keys. */
  find(presentedKey: string): ApiKey | undefined {
    if (presentedKey.length > MAX_PRESENTED_LENGTH) return undefined;
    const record = this.#valid.get(hashKey(presentedKey));
    return record === undefined ? undefined : infoOf(record);
  }

  /**
   * Revokes a key; its DIDs stay. Resolves to `false` if the id is unknown. A key from the configuration is valid again after a restart.
   *
   * @throws StorageError `storage_failed`: the key is invalid, but may be valid again after a restart.
   */
  async revoke(id: string): Promise<boolean> {
    if (!this.#drop(id)) return false;
    await this.#records.remove(id);
    return true;
  }

  /** All valid keys. */
  list(): readonly ApiKeyInfo[] {
    return Array.from(this.#valid.values(), infoOf);
  }

  #add(key: string, options: ApiKeyOptions, imported: boolean): Promise<ApiKeyRecord> {
    return this.#write(hashKey(key), options, imported);
  }

  async #write(hash: string, options: ApiKeyOptions, imported: boolean): Promise<ApiKeyRecord> {
    const dids = readDidRule(options.dids);
    const former = this.#valid.get(hash) ?? this.#formerlyImported.get(hash);
    // Nodes that import the same key agree on its id.
    const id = former?.id ?? (imported ? uuidOf(hash) : randomUUID());
    const record: ApiKeyRecord = {
      id,
      name: options.name ?? id,
      hash,
      dids,
      ephemeral: options.ephemeral ?? true,
      createdAt: former?.createdAt ?? this.#now(),
      imported: former?.imported ?? imported,
    };
    await this.#records.update(id, () => record);
    this.#valid.set(hash, record);
    return record;
  }

  /** A record of an imported key is valid only where the configuration has the key. */
  #take(record: ApiKeyRecord): void {
    if (record.imported && !this.#valid.has(record.hash)) this.#formerlyImported.set(record.hash, record);
    else this.#valid.set(record.hash, record);
  }

  #drop(id: string): boolean {
    const record = Array.from(this.#valid.values()).find((candidate) => candidate.id === id);
    return record !== undefined && this.#valid.delete(record.hash);
  }
}

/** Whether an API key may bind a DID. */
export function mayBind(apiKey: ApiKey, did: string): boolean {
  return ruleCovers(apiKey.dids, did);
}

/** A UUID (version 8) derived from the hash of a key. */
function uuidOf(hash: string): string {
  const digest = createHash("sha256").update(hash).digest("hex");
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-a${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
}

function infoOf({ id, name, dids, ephemeral, createdAt }: ApiKeyRecord): ApiKeyInfo {
  return { id, name, dids, ephemeral, createdAt };
}
