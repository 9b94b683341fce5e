import { TimeSlice } from "@parley/core/internal";
import type { Access, Principal } from "./access.ts";

/**
 * One periodic check of all open streams and subscriptions against {@link Access}: one call per API key, and one per account and channel.
 */
export class CheckRound {
  readonly #access: Access;
  readonly #revoked = new Map<string, boolean | Promise<boolean>>();
  readonly #readable = new Map<string, boolean | Promise<boolean>>();
  readonly #slice = new TimeSlice();

  constructor(access: Access) {
    this.#access = access;
  }

  async isRevoked(principal: Principal): Promise<boolean> {
    return this.#once(this.#revoked, `${principal.accountId} ${principal.keyId ?? ""}`, () => this.#access.isRevoked(principal));
  }

  async canRead(principal: Principal, channel: string): Promise<boolean> {
    return this.#once(this.#readable, `${principal.accountId} ${channel}`, () => this.#access.canRead(principal, channel));
  }

  async #once(known: Map<string, boolean | Promise<boolean>>, key: string, ask: () => boolean | Promise<boolean>): Promise<boolean> {
    if (this.#slice.isOver) await this.#slice.next();
    let answer = known.get(key);
    if (answer === undefined) {
      answer = ask();
      known.set(key, answer);
    }
    return answer;
  }
}
