import { randomBytes } from "node:crypto";
import { KeyedMutex } from "@parley/core/internal";
import { createKey, hashKey, isKeyOf } from "@parley/server-kit";
import type { Registry } from "../registry/registry.ts";
import { transact, type Transaction } from "../registry/transaction.ts";
import { ApiError } from "./api-error.ts";
import { accountKeys, accounts, keys, type KeyMode, type KeyRecord } from "./records.ts";

/** An API key as it is shown: neither the key nor its hash. */
export interface ApiKeyInfo {
  readonly id: string;
  readonly accountId: string;
  /** For people. */
  readonly name: string;
  /** Whether it begins with `sk_live_` or `sk_test_`. Both have the same rights. */
  readonly mode: "live" | "test";
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** A new API key. */
export interface CreatedApiKey extends ApiKeyInfo {
  /** The key itself: it can't be shown again. */
  readonly key: string;
}

/** Options of a new API key. */
export interface ApiKeyOptions {
  /** For people. Default: the id. */
  readonly name?: string | undefined;
  /** Default `live`. */
  readonly mode?: "live" | "test" | undefined;
}

/** An API key that its holder has created. */
export interface RegisteredKey extends ApiKeyOptions {
  /** The 16 characters of the key that identify it. */
  readonly id: string;
  /** SHA-256 of the key, base64url. */
  readonly hash: string;
}

/** Options of {@link ApiKeys}. */
export interface ApiKeysOptions {
  readonly registry: Registry;
  readonly maxPerAccount: number;
  readonly now: () => number;
}

const ID_BYTES = 12;
const HASH = /^[\w-]{43}$/;
/** `sk_live_`, 16 characters that identify the record, 43 random characters. */
const KEY = /^sk_(live|test)_([\w-]{16})[\w-]{43}$/;
/** The form of the ids. Those of older versions may begin with `-`. */
export const KEY_ID: RegExp = /^[\w-]{16}$/;

/** The API keys of all accounts. */
export class ApiKeys {
  readonly #registry: Registry;
  readonly #maxPerAccount: number;
  readonly #now: () => number;
  readonly #lock = new KeyedMutex();

  constructor({ registry, maxPerAccount, now }: ApiKeysOptions) {
    this.#registry = registry;
    this.#maxPerAccount = maxPerAccount;
    this.#now = now;
  }

  /** @throws ApiError `not_found` (no such account), `limit_reached` */
  create(accountId: string, options: ApiKeyOptions): Promise<CreatedApiKey> {
    return this.#lock.run(accountId, () => transact(this.#registry, (transaction) => this.add(transaction, accountId, options)));
  }

  /** Makes a key as part of a transaction. @throws ApiError as {@link create} */
  async add(transaction: Transaction, accountId: string, { name, mode = "live" }: ApiKeyOptions): Promise<CreatedApiKey> {
    const id = newId();
    const key = createKey(`sk_${mode}_${id}`);
    return { ...(await this.#write(transaction, accountId, { id, hash: hashKey(key), name, mode })), key };
  }

  /**
   * Adds a key that its holder has created with {@link createApiKey}, by its hash.
   *
   * @throws ApiError `malformed_request`, `not_found` (no such account), `id_taken`, `limit_reached`
   */
  async register(accountId: string, { id, hash, name, mode = "live" }: RegisteredKey): Promise<ApiKeyInfo> {
    if (!KEY_ID.test(id) || id.startsWith("-") || !HASH.test(hash)) {
      throw new ApiError("malformed_request", "id: must be that of the API key, and hash: its SHA-256 in base64url");
    }
    return this.#lock.run(accountId, () =>
      transact(this.#registry, async (transaction) => {
        if ((await transaction.get(keys, id)) !== undefined) throw new ApiError("id_taken", "there is an API key with this id");
        return this.#write(transaction, accountId, { id, hash, name, mode });
      }),
    );
  }

  async #write(transaction: Transaction, accountId: string, { id, hash, name, mode = "live" }: RegisteredKey): Promise<ApiKeyInfo> {
    const account = await transaction.get(accounts, accountId);
    if (account === undefined) throw new ApiError("not_found", "no such account");
    if (account.keys >= this.#maxPerAccount) throw new ApiError("limit_reached", `an account may have ${this.#maxPerAccount} API keys`);
    const record: KeyRecord = { id, accountId, name: name ?? id, mode, hash, createdAt: this.#now() };
    transaction.put(accounts, [accountId], { ...account, keys: account.keys + 1 });
    transaction.put(keys, [id], record);
    transaction.put(accountKeys, [accountId, id], { id });
    return infoOf(record);
  }

  /** The key that was presented, unless it's unknown or revoked. */
  async find(presented: string): Promise<ApiKeyInfo | undefined> {
    const [, mode, id] = KEY.exec(presented) ?? [];
    if (id === undefined) return undefined;
    const record = await keys.read(this.#registry, id);
    if (record === undefined || record.mode !== (mode as KeyMode)) return undefined;
    return isKeyOf(record.hash, presented) ? infoOf(record) : undefined;
  }

  /** Whether a key is valid, by its id. */
  async isValid(id: string): Promise<boolean> {
    return KEY_ID.test(id) && (await keys.read(this.#registry, id)) !== undefined;
  }

  /** The keys of an account. */
  async list(accountId: string): Promise<readonly ApiKeyInfo[]> {
    const pointers = await this.#registry.list(accountKeys.under(accountId), { limit: this.#maxPerAccount });
    const records = await Promise.all(pointers.map((entry) => keys.read(this.#registry, accountKeys.of(entry).id)));
    const found = records.flatMap((record) => (record === undefined ? [] : infoOf(record)));
    return found.toSorted((a, b) => a.createdAt - b.createdAt);
  }

  /**
   * Permanently revokes a key and its tokens: verifiers of a token call {@link isValid}.
   *
   * @param accountId the account that must own the key; omitted for the operator, who can revoke any key.
   * @throws ApiError `not_found`
   */
  async revoke(id: string, accountId?: string): Promise<void> {
    if (!KEY_ID.test(id)) throw noSuchKey();
    await transact(this.#registry, async (transaction) => {
      const record = await transaction.get(keys, id);
      if (record === undefined || (accountId !== undefined && record.accountId !== accountId)) throw noSuchKey();
      const account = await transaction.get(accounts, record.accountId);
      await transaction.get(accountKeys, record.accountId, id);
      if (account !== undefined) transaction.put(accounts, [account.id], { ...account, keys: account.keys - 1 });
      transaction.remove(keys, id);
      transaction.remove(accountKeys, record.accountId, id);
    });
  }
}

/** A random id. None begins with `-`: people type ids on command lines, where that would begin an option. */
function newId(): string {
  const id = randomBytes(ID_BYTES).toString("base64url");
  return id.startsWith("-") ? newId() : id;
}

function noSuchKey(): ApiError {
  return new ApiError("not_found", "no such API key");
}

function infoOf({ id, accountId, name, mode, createdAt }: KeyRecord): ApiKeyInfo {
  return { id, accountId, name, mode, createdAt };
}
