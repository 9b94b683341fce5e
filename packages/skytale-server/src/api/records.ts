import { createHash } from "node:crypto";
import { Kind } from "../registry/transaction.ts";

// Records of the registry. Times are milliseconds since 1970, bytes are base64url.

export type AccountRecord = {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly plan: string;
  readonly createdAt: number;
  /** How many of these it has. */
  readonly keys: number;
  readonly orgs: number;
};

/** Purpose of an API key. Both modes have the same rights. */
export type KeyMode = "live" | "test";

export type KeyRecord = {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  readonly mode: KeyMode;
  /** SHA-256 of the key. Keys are too long to be guessed, so a slow hash would only slow down the calls. */
  readonly hash: string;
  readonly createdAt: number;
};

export type SigningKeyRecord = {
  readonly kid: string;
  /** Public part of the Ed25519 key (RFC 8037). */
  readonly x: string;
  /** The private part: sealed; as it is in memory, and in records of older versions. */
  readonly sealed?: string | undefined;
  readonly d?: string | undefined;
  readonly createdAt: number;
};

export type OrgRecord = {
  readonly name: string;
  readonly owner: string;
  readonly channels: number;
};

export type ChannelRecord = {
  readonly name: string;
  readonly owner: string;
  readonly createdAt: number;
  readonly idempotencyKey?: string | undefined;
  /** How many of these it has. */
  readonly invites: number;
  readonly pending: number;
  readonly grants: number;
};

export type GrantRecord = {
  readonly channel: string;
  readonly accountId: string;
  readonly createdAt: number;
  /** The accounts that made it: the owner, or the makers of the invites that it came by. Absent in records of older versions. */
  readonly makers?: readonly string[] | undefined;
  /**
   * Signature keys of the members that were added with the account, as reported by the members that approved them; the most recent ones.
   */
  readonly memberKeys?: readonly string[] | undefined;
};

/** Usage counts of an account on a channel of another account. */
export type UsageRecord = {
  readonly invites: number;
  /** Requests to join that wait, by its invites. */
  readonly waitingByInvite: number;
  /** Its own requests to join that wait. */
  readonly waiting: number;
  /** Grants made by its invites. */
  readonly grants: number;
};

/** A request to join that holds one use of an invite. */
export type InviteUse = {
  readonly requestId: string;
  /** When the hold ends; `null` once a member has let the joiner in. */
  readonly until: number | null;
};

export type InviteRecord = {
  readonly id: string;
  readonly channel: string;
  readonly createdBy: string;
  readonly inviteKey: string;
  readonly attestation?: string | undefined;
  readonly maxUses: number;
  readonly uses: readonly InviteUse[];
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly revoked: boolean;
};

export type JoinStatus = "pending" | "admitted" | "refused" | "expired";

export type JoinRecord = {
  readonly requestId: string;
  readonly channel: string;
  readonly accountId: string;
  readonly inviteId: string;
  readonly keyPackage: string;
  readonly proof: string;
  /** Its place among the channel's requests. */
  readonly order: string;
  readonly status: JoinStatus;
  readonly createdAt: number;
  /** When a pending request expires, and one with a response is removed. */
  readonly expiresAt: number;
  readonly welcome?: string | undefined;
  readonly sequence?: number | undefined;
  readonly reason?: string | undefined;
  /** The account that responded. Absent in records of older versions. */
  readonly answeredBy?: string | undefined;
  /** Whether the response created a grant, or added the creator of its invite to the grant's creators. */
  readonly hasMadeGrant?: boolean | undefined;
  /** The accounts whose responses the joiner has rejected. */
  readonly rejected?: readonly string[] | undefined;
};

/** Index entry of a record that expires. Its key begins with the time of expiry. */
export type ExpiryRecord = {
  /** A withdrawal is one that has begun. */
  readonly kind: "invite" | "join" | "withdrawal";
  readonly channel: string;
  readonly id: string;
};

/** A record that contains only the key of another one. */
export type PointerRecord = { readonly id: string };

/** By account id. */
export const accounts: Kind<AccountRecord> = new Kind("account");
/** By {@link hashed} email. */
export const emails: Kind<PointerRecord> = new Kind("email");
/** By key id. */
export const keys: Kind<KeyRecord> = new Kind("key");
/** By account id and key id. */
export const accountKeys: Kind<PointerRecord> = new Kind("account-key");
/** By `kid`. */
export const signingKeys: Kind<SigningKeyRecord> = new Kind("signing-key");
/** By {@link hashed} name. */
export const orgs: Kind<OrgRecord> = new Kind("org");
/** By {@link hashed} name. */
export const channelRecords: Kind<ChannelRecord> = new Kind("channel");
/** By {@link hashed} channel and account id. */
export const grants: Kind<GrantRecord> = new Kind("grant");
/** By {@link hashed} channel and account id. */
export const usages: Kind<UsageRecord> = new Kind("usage");
/** By account id and {@link hashed} channel: the channels that an account owns or has a grant for. */
export const accountChannels: Kind<PointerRecord> = new Kind("account-channel");
/** By {@link hashed} channel and id. */
export const invites: Kind<InviteRecord> = new Kind("invite");
/** By request id. */
export const joins: Kind<JoinRecord> = new Kind("join");
/** By {@link hashed} channel and order: the requests that wait for a member. */
export const pendingJoins: Kind<PointerRecord> = new Kind("pending");
/** By time and id. */
export const expiries: Kind<ExpiryRecord> = new Kind("expiry");

/** A text of any kind as part of a key. */
export function hashed(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

/** A time as part of a key: keys are in the order of time. */
export function timeKey(time: number): string {
  return String(Math.floor(time)).padStart(14, "0");
}
