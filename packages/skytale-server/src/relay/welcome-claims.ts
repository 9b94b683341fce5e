import { TransientMap } from "@parley/core/internal";

/** Recipients that are remembered; beyond it the one that was asked for longest ago is forgotten. */
const MAX_CLAIMS = 100_000;

/**
 * Which account a welcome's recipient belongs to: the one that asked for it first. Joiners ask for their welcome before anybody can know
 * the reference of their key package, so another member can't acknowledge it, and so remove it, in their place.
 */
export class WelcomeClaims {
  readonly #accounts = new TransientMap<string, string>();

  /** Whether the recipient belongs to an account; one that nobody has asked for belongs to it from now on. */
  claim(channel: string, recipient: Uint8Array, accountId: string): boolean {
    const key = `${Buffer.from(recipient).toString("hex")} ${channel}`;
    const owner = this.#accounts.get(key);
    if (owner !== undefined) return owner === accountId;
    this.#accounts.set(key, accountId);
    if (this.#accounts.size > MAX_CLAIMS) for (const [oldest] of this.#accounts) return this.#accounts.delete(oldest);
    return true;
  }
}
