import { ChurnMap } from "@parley/core/internal";
import { DELIVERY_BYTES } from "./relay-limits.ts";

interface AccountDeliveries {
  bytes: number;
  /** Created with the first listener. */
  waiting: Set<() => void> | undefined;
  waking: boolean;
}

/**
 * Limits the bytes that wait to be sent to the clients of one account, over all of its streams. Each account has its own budget, so slow
 * readers of one account don't delay the deliveries of others.
 */
export class DeliveryBudget {
  readonly #maxBytesPerAccount: number;
  readonly #accounts = new ChurnMap<string, AccountDeliveries>();
  #total = 0;

  constructor(maxBytesPerAccount: number) {
    this.#maxBytesPerAccount = maxBytesPerAccount;
  }

  /** Bytes of all accounts. */
  get total(): number {
    return this.#total;
  }

  hasRoom(accountId: string): boolean {
    return (this.#accounts.get(accountId)?.bytes ?? 0) < this.#maxBytesPerAccount;
  }

  /** Counts bytes that wait. The last delivery may exceed the limit. */
  add(accountId: string, bytes: number): void {
    const account = this.#accounts.get(accountId) ?? { bytes: 0, waiting: undefined, waking: false };
    account.bytes += bytes;
    this.#total += bytes;
    this.#accounts.set(accountId, account);
  }

  /** Called when bytes have been sent, or their stream has ended. */
  remove(accountId: string, bytes: number): void {
    const account = this.#accounts.get(accountId);
    if (account === undefined) return;
    account.bytes -= bytes;
    this.#total -= bytes;
    this.#wake(accountId, account);
    this.#forget(accountId, account);
  }

  /** Calls the listener once, when the account has room again: at once for an account without any bytes. */
  whenRoom(accountId: string, listener: () => void): void {
    const account = this.#accounts.get(accountId);
    if (account === undefined) listener();
    else (account.waiting ??= new Set()).add(listener);
  }

  /** Removes a listener. */
  cancel(accountId: string, listener: () => void): void {
    this.#accounts.get(accountId)?.waiting?.delete(listener);
  }

  /** Calls as many listeners as there is room for a delivery each, oldest first; the next ones in a later turn of the event loop. */
  #wake(accountId: string, account: AccountDeliveries): void {
    const { waiting, waking, bytes } = account;
    if (waking || waiting === undefined || waiting.size === 0 || bytes >= this.#maxBytesPerAccount) return;
    account.waking = true;
    setImmediate(() => {
      account.waking = false;
      let room = this.#maxBytesPerAccount - account.bytes;
      for (const listener of waiting) {
        if (room <= 0) break;
        room -= DELIVERY_BYTES;
        waiting.delete(listener);
        listener();
      }
      this.#wake(accountId, account);
      this.#forget(accountId, account);
    });
  }

  #forget(accountId: string, account: AccountDeliveries): void {
    if (account.bytes <= 0 && !account.waiting?.size && !account.waking) this.#accounts.delete(accountId);
  }
}
