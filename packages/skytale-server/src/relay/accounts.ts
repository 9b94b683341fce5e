import type { RelayLimits } from "./relay-limits.ts";
import { TokenBucket } from "./token-bucket.ts";

/** What one account uses of the relay, over all its streams and calls. */
export class Account {
  streams = 0;
  waitingCalls = 0;
  readonly messages: TokenBucket;
  readonly bytes: TokenBucket;
  readonly calls: TokenBucket;

  constructor({ messagesPerSecond, bytesPerSecond, callsPerSecond }: RelayLimits) {
    this.messages = new TokenBucket(messagesPerSecond);
    this.bytes = new TokenBucket(bytesPerSecond);
    this.calls = new TokenBucket(callsPerSecond);
  }

  get idle(): boolean {
    return this.streams === 0 && this.waitingCalls === 0 && this.messages.full && this.bytes.full && this.calls.full;
  }
}

/** The accounts that use the relay now. */
export class Accounts {
  readonly #limits: RelayLimits;
  readonly #byId = new Map<string, Account>();

  constructor(limits: RelayLimits) {
    this.#limits = limits;
  }

  get(id: string): Account {
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    const account = new Account(this.#limits);
    this.#byId.set(id, account);
    return account;
  }

  /** Forgets those that use nothing. */
  sweep(): void {
    for (const [id, account] of this.#byId) if (account.idle) this.#byId.delete(id);
  }
}
