import type { ApiClient } from "../api/api-client.ts";
import type { AccountGrant } from "../api/account-grant.ts";
import type { GroupChannel } from "../channel/group-channel.ts";
import { isEqual, type MemberName } from "../channel/channel-member.ts";
import { ChannelError } from "../errors.ts";
import type { GrantDifference } from "../client-events.ts";
import type { WaitOptions } from "../wait-options.ts";

/** Options of `removeMember` of a manager. */
export interface RemoveMemberOptions extends WaitOptions {
  /**
   * Withdraws the grant of the member's account too, with the invites and grants that were made under it: every agent of that account loses
   * the channel. For the channel's owner. Default `false`.
   */
  readonly withdraw?: boolean;
}

/** The accounts that the API server lets use a channel, beside the members that the group has. For the channel's owner. */
export class ChannelGrants {
  readonly #api: () => ApiClient;

  constructor(api: () => ApiClient) {
    this.#api = api;
  }

  /**
   * Finds the accounts that a member came by, before it is removed.
   *
   * @returns withdraws their grants.
   * @throws ChannelError `not_found` when the channel is another account's, or no grant names the member
   */
  async findWithdrawal(channel: GroupChannel, member: MemberName, signal: AbortSignal | undefined): Promise<() => Promise<void>> {
    const key = channel.keyOf(member);
    const grants = await this.#api().grants(channel.name, { signal });
    const accounts = grants.filter(({ memberKeys }) => memberKeys.some((known) => isEqual(known, key)));
    if (accounts.length === 0) {
      const remedy = "remove it without `withdraw`, and withdraw its account's grant by id (DELETE /v1/channels/grants)";
      throw new ChannelError("not_found", `no grant for ${channel.name} names this member: ${remedy}`);
    }
    return async () => {
      for (const { accountId } of accounts) await this.#withdraw(channel.name, accountId, signal);
    };
  }

  /** What members and grants differ in. @throws ChannelError `not_found` when the channel is another account's */
  async compare(channel: GroupChannel): Promise<GrantDifference> {
    const grants = await this.#api().grants(channel.name);
    const isMember = (key: Uint8Array): boolean => channel.members.some(({ signatureKey }) => isEqual(signatureKey, key));
    const isLeft = ({ memberKeys }: AccountGrant): boolean => memberKeys.length > 0 && !memberKeys.some(isMember);
    return { accountsWithoutMember: grants.filter(isLeft).map(({ accountId }) => accountId) };
  }

  /** One that was made under another one may have gone with it. */
  async #withdraw(name: string, accountId: string, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#api().withdrawGrant(name, accountId, { signal });
    } catch (error) {
      if (!(error instanceof ChannelError) || error.code !== "not_found") throw error;
    }
  }
}
