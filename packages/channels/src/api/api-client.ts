import type { JsonObject } from "@parley/core";
import * as read from "./response-fields.ts";
import { ApiHttp } from "./api-http.ts";
import type { ApiOptions } from "./api-options.ts";
import type { JoinRequest } from "../invites/join-request.ts";
import { type AccountGrant, accountGrantOf } from "./account-grant.ts";
import { joinStateOf, type JoinState, pendingJoinOf, type PendingJoin } from "./join-state.ts";

/** Options of calls to the server. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Options of calls that wait on the server (long polling). */
export interface WaitingCallOptions extends CallOptions {
  /** How long the server waits for a change before it responds, in seconds, at most 30. Default 0. */
  readonly waitSeconds?: number;
}

/** An invite as registered with the server, which does not learn its secret. */
export interface InviteRegistration {
  readonly channel: string;
  readonly publicKey: Uint8Array;
  readonly attestation: Uint8Array;
  readonly maxUses: number;
  readonly ttlSeconds: number;
}

/** Calls to an API server. All are idempotent, and are retried if the server could not be reached. */
export class ApiClient {
  readonly #http: ApiHttp;

  /** @throws TypeError */
  constructor(options: ApiOptions) {
    this.#http = new ApiHttp(options);
  }

  /** A fresh token for the relay. @throws AuthError `auth_key_invalid` */
  async relayToken({ signal }: CallOptions = {}): Promise<string> {
    const body = { audience: ["skytale-relay"] };
    return this.#http.read({ method: "POST", path: "/v1/tokens", body, signal }, (answer) => read.text(answer, "token"));
  }

  /**
   * Registers a channel's name, so that the relay accepts messages from its account.
   *
   * @param idempotencyKey at most 64 characters. A repeated call with the same key succeeds.
   * @throws ChannelError `channel_exists`, `org_taken`, `bad_request`, `limit_reached`
   */
  async createChannel(name: string, idempotencyKey: string, { signal }: CallOptions = {}): Promise<void> {
    await this.#post("/v1/channels", { name, idempotency_key: idempotencyKey }, signal);
  }

  /** Registers an invite. @throws ChannelError `not_found`, `bad_request`, `limit_reached` */
  async createInvite(invite: InviteRegistration, { signal }: CallOptions = {}): Promise<void> {
    const body = {
      channel: invite.channel,
      invite_key: base64url(invite.publicKey),
      attestation: base64url(invite.attestation),
      max_uses: invite.maxUses,
      ttl_seconds: invite.ttlSeconds,
    };
    await this.#post("/v1/channels/invites", body, signal);
  }

  /** Revokes an invite. @throws InviteError `invite_unknown`; ChannelError `not_found` */
  async revokeInvite(channel: string, inviteId: Uint8Array, { signal }: CallOptions = {}): Promise<void> {
    const path = `/v1/channels/invites/${base64url(inviteId)}?channel=${encodeURIComponent(channel)}`;
    await this.#http.call({ method: "DELETE", path, signal });
  }

  /** Submits a join request. A repeated call returns its current state. @throws InviteError; ChannelError `limit_reached` */
  async requestJoin(request: JoinRequest, { signal }: CallOptions = {}): Promise<JoinState> {
    const body = {
      channel: request.channel,
      invite_id: base64url(request.inviteId),
      request_id: base64url(request.requestId),
      key_package: base64url(request.keyPackage),
      proof: base64url(request.proof),
    };
    return this.#http.read({ method: "POST", path: "/v1/channels/joins", body, signal }, joinStateOf);
  }

  /** The current state of a join request. @throws ChannelError `not_found` */
  async join(requestId: Uint8Array, { waitSeconds = 0, signal }: WaitingCallOptions = {}): Promise<JoinState> {
    const path = `/v1/channels/joins/${base64url(requestId)}?wait=${waitSeconds}`;
    return this.#http.read({ method: "GET", path, waitSeconds, signal }, joinStateOf);
  }

  /** Deletes a join request and its answer. @throws ChannelError `not_found` */
  async removeJoin(requestId: Uint8Array, { signal }: CallOptions = {}): Promise<void> {
    await this.#http.call({ method: "DELETE", path: `/v1/channels/joins/${base64url(requestId)}`, signal });
  }

  /** The pending join requests of a channel, oldest first, at most 50. @throws ChannelError `not_found` */
  async pending(
    channel: string,
    { after, waitSeconds = 0, signal }: WaitingCallOptions & { readonly after?: string | undefined } = {},
  ): Promise<{
    readonly joins: readonly PendingJoin[];
    readonly next: string | undefined;
  }> {
    const query = new URLSearchParams({ channel, wait: String(waitSeconds), ...(after !== undefined && { after }) });
    return this.#http.read({ method: "GET", path: `/v1/channels/pending?${query.toString()}`, waitSeconds, signal }, (answer) => ({
      joins: read.list(answer, "pending", (join) => pendingJoinOf(join, channel)),
      next: read.optionalText(answer, "next"),
    }));
  }

  /**
   * Rejects the welcome of a join request, which then waits for the answer of another account.
   *
   * @throws ChannelError `not_found` (also from servers without this call), `limit_reached`; InviteError `join_expired`
   */
  async rejectWelcome(requestId: Uint8Array, { signal }: CallOptions = {}): Promise<JoinState> {
    const path = `/v1/channels/joins/${base64url(requestId)}/rejection`;
    return this.#http.read({ method: "POST", path, body: {}, signal }, joinStateOf);
  }

  /** The grants of a channel that this account owns, without the owner's. @throws ChannelError `not_found` (also for channels of other accounts) */
  async grants(channel: string, { signal }: CallOptions = {}): Promise<readonly AccountGrant[]> {
    const grants: AccountGrant[] = [];
    for (let after: string | undefined; ;) {
      const query = new URLSearchParams({ channel, ...(after !== undefined && { after }) });
      const page = await this.#http.read({ method: "GET", path: `/v1/channels/grants?${query.toString()}`, signal }, (answer) => ({
        grants: read.list(answer, "grants", accountGrantOf),
        next: read.optionalText(answer, "next"),
      }));
      grants.push(...page.grants);
      after = page.next;
      if (after === undefined) return grants;
    }
  }

  /** Revokes an account's grant, and the invites and grants made under it. @throws ChannelError `not_found` */
  async withdrawGrant(channel: string, accountId: string, { signal }: CallOptions = {}): Promise<void> {
    const query = new URLSearchParams({ channel, account_id: accountId });
    await this.#http.call({ method: "DELETE", path: `/v1/channels/grants?${query.toString()}`, signal });
  }

  /** Approves a join request: stores its welcome. @throws ChannelError `already_answered`, `not_found`, `limit_reached`; InviteError `join_expired` */
  async approveJoin(
    join: Pick<JoinRequest, "channel" | "requestId"> & { readonly memberKey?: Uint8Array | undefined },
    welcome: Uint8Array,
    { signal }: CallOptions = {},
  ): Promise<void> {
    const { channel, memberKey } = join;
    const body = { channel, welcome: base64url(welcome), ...(memberKey !== undefined && { member_key: base64url(memberKey) }) };
    await this.#post(`/v1/channels/pending/${base64url(join.requestId)}/welcome`, body, signal);
  }

  /** Rejects a join request. @throws as {@link ApiClient.approveJoin} */
  async rejectJoin(join: Pick<JoinRequest, "channel" | "requestId">, reason: string, { signal }: CallOptions = {}): Promise<void> {
    const body = { channel: join.channel, reason };
    await this.#post(`/v1/channels/pending/${base64url(join.requestId)}/refusal`, body, signal);
  }

  /** Aborts all calls with TransportError `closed`. Idempotent. */
  close(): Promise<void> {
    return this.#http.close();
  }

  #post(path: string, body: JsonObject, signal: AbortSignal | undefined): Promise<JsonObject> {
    return this.#http.call({ method: "POST", path, body, signal });
  }
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}
