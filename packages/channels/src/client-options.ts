import { checkOptions, IS_ANYTHING, IS_BOOLEAN, IS_FUNCTION, readNumbers, type OptionCheck } from "@parley/core/internal";
import { basicIdentity, type Authenticate, type GroupStore } from "@parley/mls-engine";
import type { RelayClientOptions } from "@parley/skytale-relay";
import { readLimits } from "@parley/skytale-relay/internal";
import { isEqual } from "./channel/channel-member.ts";
import type { SkytaleClientEvents } from "./client-events.ts";

/** Limits of one channel. */
export interface ChannelLimits {
  /** Unsettled received messages. At this number the channel stops reading. Default 1024. */
  readonly maxMessages: number;
  /** Bytes of unsettled received messages. The inbox accepts at least one message of any size. Default 16 MiB. */
  readonly maxBytes: number;
  /** Messages waiting to be sent. Default 10,000. */
  readonly maxQueued: number;
  /** Bytes of messages waiting to be sent. Default 64 MiB. */
  readonly maxQueuedBytes: number;
}

/** Options of `SkytaleClient` beside the three that it can't do without. */
export interface SkytaleClientSettings {
  /** API key, `sk_live_…`, which tokens for the relay are made from. Needs `apiUrl`. */
  readonly apiKey?: string;
  /** URL of the API server. */
  readonly apiUrl?: string;
  /** Tokens for the relay from elsewhere, in place of an API server's. */
  readonly token?: RelayClientOptions["token"];
  /** A wire to the relay of one's own, in place of `endpoint`. */
  readonly transport?: RelayClientOptions["transport"];
  /** Certificates in PEM that the relay's is checked against, instead of the system's. */
  readonly ca?: Uint8Array;
  /** Encrypts everything in the data directory: 32 random bytes, the same for its life. Without it, modes of files protect it alone. */
  readonly storageKey?: Uint8Array;
  /** A store of one's own in place of a data directory. The client closes it. */
  readonly store?: GroupStore;
  /**
   * Whose credential is accepted as that of a member, by its identity. Default: every one that whoever adds it vouches for, if it stays
   * the same, and its signature key too, while its holder is a member.
   */
  readonly authenticate?: Authenticate;
  /**
   * Whether an identity may belong to several members of a channel, which can be told apart by their keys only. Set it at all agents of a
   * channel or at none: those without it refuse changes that add a second one, and part ways with those that accept them. Default `false`:
   * who has the identity of a member is refused, with `identity_taken`, whoever tries to add it.
   */
  readonly allowSameIdentity?: boolean;
  /**
   * How this agent sends changes of a channel: encrypted as PrivateMessage, or signed in the clear as PublicMessage (RFC 9420 §6.2), which
   * shows to the relay the identities and keys of the members that it adds, removes or updates. Set `"public"` only in channels with members
   * of an implementation that accepts nothing else, such as core-crypto, and then at all agents. Both kinds are read in any case. Messages
   * are always encrypted. Default `"private"`.
   */
  readonly handshakes?: "private" | "public";
  /**
   * Longest wait of a call for the relay, in milliseconds: `send`, `addMember`, `connect` and all others that wait, where they are given
   * none. Default 20,000; `Infinity` for none.
   */
  readonly timeoutMs?: number;
  /**
   * Called with what the operator of an agent should know though no call fails with it, such as a connection to the relay that has been
   * missing for 5 seconds. Default: one line on stderr.
   */
  readonly onWarning?: (warning: string) => void;
  readonly events?: Partial<SkytaleClientEvents>;
  readonly limits?: Partial<ChannelLimits>;
  /** Times and caps of the link to the relay. */
  readonly relayLimits?: RelayClientOptions["limits"];
}

/** Options of `SkytaleClient`. */
export interface SkytaleClientOptions extends SkytaleClientSettings {
  /** URL of the relay: `https://relay.example:5000`. Default port 5000; `http://` is without TLS. */
  readonly endpoint: string;
  /** Directory for keys and the state of channels, of this agent alone. What is lost with it can't be recovered. */
  readonly dataDir: string;
  /** Who this agent is; text is taken as UTF-8. The data directory belongs to it from then on. */
  readonly identity: string | Uint8Array;
}

/** Options of a channel that is created, joined or opened. */
export interface ChannelOptions {
  /** Whether messages are kept until they are taken from `Channel.messages`. `false` for agents that only send. Default `true`. */
  readonly receive?: boolean;
  /** Stops waiting. */
  readonly signal?: AbortSignal;
}

/** Options of `SkytaleClient.createChannel`. */
export interface CreateChannelOptions extends ChannelOptions {
  /**
   * Creates the channel even if one of this name exists: as a new group, whose members and those of the old one see nothing of each other.
   * For an agent that has lost its keys, and was the only member. Default `false`.
   */
  readonly replace?: boolean;
  /** Longest wait for the servers, in milliseconds. Default: the `timeoutMs` of the client, 20,000. */
  readonly timeoutMs?: number;
}

/** Options of `SkytaleClient.joinChannel`. */
export interface JoinChannelOptions extends ChannelOptions {
  /** Whether this agent changes its keys soon after, which keeps later changes of the group small. Default `true`. */
  readonly updateKeys?: boolean;
}

/** Names in {@link ChannelOptions}, {@link CreateChannelOptions} and {@link JoinChannelOptions}. */
export const OPEN_OPTIONS: readonly string[] = ["receive", "signal"];
export const CREATE_OPTIONS: readonly string[] = [...OPEN_OPTIONS, "replace", "timeoutMs"];
export const JOIN_OPTIONS: readonly string[] = [...OPEN_OPTIONS, "updateKeys"];

const DEFAULTS: ChannelLimits = {
  maxMessages: 1024,
  maxBytes: 16 * 1024 * 1024,
  maxQueued: 10_000,
  maxQueuedBytes: 64 * 1024 * 1024,
};

const IS_STRING: OptionCheck = { expected: "a string", is: (value) => typeof value === "string" };
const IS_BYTES: OptionCheck = { expected: "a Uint8Array", is: (value) => value instanceof Uint8Array };
const IS_KEY: OptionCheck = { expected: "a Uint8Array of 32 bytes", is: (value) => value instanceof Uint8Array && value.length === 32 };
const IS_HANDSHAKES: OptionCheck = { expected: '"private" or "public"', is: (value) => value === "private" || value === "public" };
const IS_STORE: OptionCheck = { expected: "a GroupStore", is: (value) => hasMethods(value, ["open", "close"]) };
const IS_TRANSPORT: OptionCheck = { expected: "a RelayTransport", is: (value) => hasMethods(value, ["open", "call", "close"]) };

/** Values of `IS_ANYTHING` are checked by who reads them. */
const CHECKS: Readonly<Record<keyof SkytaleClientOptions, OptionCheck>> = {
  endpoint: IS_STRING,
  dataDir: IS_STRING,
  identity: IS_ANYTHING,
  apiKey: IS_ANYTHING,
  apiUrl: IS_ANYTHING,
  token: IS_FUNCTION,
  transport: IS_TRANSPORT,
  ca: IS_BYTES,
  storageKey: IS_KEY,
  store: IS_STORE,
  authenticate: IS_FUNCTION,
  allowSameIdentity: IS_BOOLEAN,
  handshakes: IS_HANDSHAKES,
  timeoutMs: IS_ANYTHING,
  onWarning: IS_FUNCTION,
  events: IS_ANYTHING,
  limits: IS_ANYTHING,
  relayLimits: IS_ANYTHING,
};

const EVENTS: Readonly<Record<keyof SkytaleClientEvents, OptionCheck>> = {
  onConnected: IS_FUNCTION,
  onDisconnected: IS_FUNCTION,
  onCaughtUp: IS_FUNCTION,
  onMembersChanged: IS_FUNCTION,
  onSkipped: IS_FUNCTION,
  onGrantsDiffer: IS_FUNCTION,
  onError: IS_FUNCTION,
};

/** Options that a client knows. */
export const CLIENT_OPTIONS: readonly string[] = Object.keys(CHECKS);

/** A `storageKey` that is misspelt would leave everything unencrypted. @throws TypeError naming what is no option of a client */
export function checkClientOptions(given: object): void {
  checkGiven(given, "SkytaleClient", "endpoint, dataDir and identity");
  checkSettings(given, {});
}

/**
 * Checks options of a client, and further ones of the class that it is for.
 *
 * @throws TypeError naming the option that is unknown or makes no sense
 */
export function checkSettings(
  given: Pick<SkytaleClientSettings, "events" | "relayLimits">,
  more: Readonly<Record<string, OptionCheck>>,
): void {
  checkOptions<object>(given, { ...CHECKS, ...more });
  checkOptions<SkytaleClientEvents>(given.events, EVENTS, "events.");
  readLimits(given.relayLimits, "relayLimits");
}

function hasMethods(value: unknown, names: readonly string[]): boolean {
  return typeof value === "object" && value !== null && names.every((name) => typeof Reflect.get(value, name) === "function");
}

/** @throws TypeError when a class is made without its options */
export function checkGiven(options: unknown, className: string, needed: string): void {
  if (typeof options !== "object" || options === null) throw new TypeError(`${className} takes an options object with ${needed}`);
}

/** Fills in the defaults. @throws TypeError */
export function channelLimits(given: Partial<ChannelLimits> = {}): ChannelLimits {
  const limits = readNumbers("limits", DEFAULTS, given);
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value)) throw new TypeError(`limits.${name} must be a whole number from 1 on`);
  }
  return limits;
}

/**
 * Accepts the basic credential of every member that another adds; an update must keep it, and the signature key, which stand for the same
 * member as long as it is one. Certificates need an `authenticate` of one's own.
 */
export const keepsIdentity: Authenticate = (credential, signatureKey, { previous, previousKey }) =>
  basicIdentity(credential) !== undefined &&
  (previous === undefined || (previous.type === credential.type && isEqual(previous.content, credential.content))) &&
  (previousKey === undefined || isEqual(previousKey, signatureKey));
