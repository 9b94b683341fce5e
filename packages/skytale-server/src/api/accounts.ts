import { randomUUID } from "node:crypto";
import { KeyedMutex } from "@parley/core/internal";
import type { Registry } from "../registry/registry.ts";
import { Kind, transact } from "../registry/transaction.ts";
import { ApiError } from "./api-error.ts";
import type { ApiKeys, CreatedApiKey } from "./keys.ts";
import { accounts, emails, hashed, type AccountRecord } from "./records.ts";

/** An owner of API keys, orgs and channels. */
export interface Account {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly plan: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** Options of a new account. */
export interface AccountOptions {
  /** Distinguishes accounts. The server does not verify it. Case-insensitive. */
  readonly email: string;
  readonly name: string;
}

/** An account, and the first of its API keys. */
export interface CreatedAccount extends Account {
  readonly apiKey: CreatedApiKey;
}

/** Options of {@link Accounts}. */
export interface AccountsOptions {
  readonly registry: Registry;
  readonly keys: ApiKeys;
  readonly maxAccounts: number;
  readonly now: () => number;
}

const counter: Kind<{ readonly accounts: number }> = new Kind("counter");
const EMAIL = /^[^\s@]{1,64}@[^\s@]{1,190}$/;
const MAX_NAME_LENGTH = 200;
const PLAN = "free";

/** The accounts. */
export class Accounts {
  readonly #registry: Registry;
  readonly #keys: ApiKeys;
  readonly #maxAccounts: number;
  readonly #now: () => number;
  readonly #lock = new KeyedMutex();

  constructor({ registry, keys, maxAccounts, now }: AccountsOptions) {
    this.#registry = registry;
    this.#keys = keys;
    this.#maxAccounts = maxAccounts;
    this.#now = now;
  }

  /** Makes an account with a first API key. @throws ApiError `malformed_request`, `email_taken`, `limit_reached` */
  create({ email, name }: AccountOptions): Promise<CreatedAccount> {
    if (typeof email !== "string" || !EMAIL.test(email)) throw new ApiError("malformed_request", "email: is not an email address");
    if (typeof name !== "string" || name.length === 0 || name.length > MAX_NAME_LENGTH) {
      throw new ApiError("malformed_request", `name: must have 1 to ${MAX_NAME_LENGTH} characters`);
    }
    return this.#lock.run("accounts", () =>
      transact(this.#registry, async (transaction) => {
        const { accounts: count } = (await transaction.get(counter, "accounts")) ?? { accounts: 0 };
        if (count >= this.#maxAccounts) throw new ApiError("limit_reached", "the server's limit on accounts is reached");
        const mailbox = hashed(email.toLowerCase());
        if ((await transaction.get(emails, mailbox)) !== undefined) {
          throw new ApiError("email_taken", "there is an account with this email address");
        }
        const account: AccountRecord = { id: randomUUID(), email, name, plan: PLAN, createdAt: this.#now(), keys: 0, orgs: 0 };
        transaction.put(counter, ["accounts"], { accounts: count + 1 });
        transaction.put(emails, [mailbox], { id: account.id });
        transaction.put(accounts, [account.id], account);
        const apiKey = await this.#keys.add(transaction, account.id, { name: "first" });
        return { ...infoOf(account), apiKey };
      }),
    );
  }

  async get(id: string): Promise<Account | undefined> {
    const record = await accounts.read(this.#registry, id);
    return record === undefined ? undefined : infoOf(record);
  }

  /** Removes the record of an account that has no keys and no channels. Its email address is free afterwards. */
  remove(id: string): Promise<void> {
    return this.#lock.run("accounts", () =>
      transact(this.#registry, async (transaction) => {
        const account = await transaction.get(accounts, id);
        if (account === undefined) return;
        const mailbox = hashed(account.email.toLowerCase());
        const { accounts: count } = (await transaction.get(counter, "accounts")) ?? { accounts: 1 };
        if ((await transaction.get(emails, mailbox)) !== undefined) transaction.remove(emails, mailbox);
        transaction.put(counter, ["accounts"], { accounts: Math.max(0, count - 1) });
        transaction.remove(accounts, id);
      }),
    );
  }

  /** Whether the server has no accounts. */
  async isEmpty(): Promise<boolean> {
    return (await this.#registry.list(accounts.prefix, { limit: 1 })).length === 0;
  }

  /** Accounts in the order of their ids. */
  async list(options: { readonly limit: number; readonly after?: string | undefined }): Promise<readonly Account[]> {
    const after = options.after === undefined ? undefined : accounts.key(options.after);
    const entries = await this.#registry.list(accounts.prefix, { limit: options.limit, after });
    return entries.map((entry) => infoOf(accounts.of(entry)));
  }
}

function infoOf({ id, email, name, plan, createdAt }: AccountRecord): Account {
  return { id, email, name, plan, createdAt };
}
