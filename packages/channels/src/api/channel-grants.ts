import type { ApiClient } from "./api-client.ts";
import type { AccountGrant } from "./account-grant.ts";
import { type ChannelMember, isEqual } from "../channel/channel-member.ts";
import { ChannelError } from "../errors.ts";
import type { GrantDifference } from "../client-events.ts";

/** The part of a channel that is compared with its grants. */
interface ComparedChannel {
  readonly name: string;
  readonly members: readonly ChannelMember[];
}

/** Grants of a channel at the API server, in relation to the group's members. Works for the channel's owner. */
export class ChannelGrants {
  readonly #api: () => ApiClient;

  constructor(api: () => ApiClient) {
    this.#api = api;
  }

  /**
   * Finds the accounts that a member was added with. Called before the member is removed.
   *
   * @param key the signature key of the member.
   * @returns a function that revokes their grants.
   * @throws ChannelError `not_found` if another account owns the channel, or no grant names the member
   */
  async findWithdrawal(name: string, key: Uint8Array, signal: AbortSignal | undefined): Promise<() => Promise<void>> {
    const grants = await this.#api().grants(name, { signal });
    const accounts = grants.filter(({ memberKeys }) => memberKeys.some((known) => isEqual(known, key)));
    if (accounts.length === 0) {
      const remedy = "remove it without `withdraw`, and withdraw its account's grant by id (DELETE /v1/channels/grants)";
      throw new ChannelError("not_found", `no grant for ${name} names this member: ${remedy}`);
    }
    return async () => {
      for (const { accountId } of accounts) await this.#withdraw(name, accountId, signal);
    };
  }

  /** The difference between members and grants. @throws ChannelError `not_found` if another account owns the channel */
  async compare({ name, members }: ComparedChannel): Promise<GrantDifference> {
    const grants = await this.#api().grants(name);
    const isMember = (key: Uint8Array): boolean => members.some(({ signatureKey }) => isEqual(signatureKey, key));
    const isLeft = ({ memberKeys }: AccountGrant): boolean => memberKeys.length > 0 && !memberKeys.some(isMember);
    return { accountsWithoutMember: grants.filter(isLeft).map(({ accountId }) => accountId) };
  }

  /** A missing grant is not an error: it may have been revoked with the grant it was made under. */
  async #withdraw(name: string, accountId: string, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#api().withdrawGrant(name, accountId, { signal });
    } catch (error) {
      if (!(error instanceof ChannelError) || error.code !== "not_found") throw error;
    }
  }
}
