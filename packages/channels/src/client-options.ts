import type { Telemetry } from "@parley/core";
import { checkOptions, IS_ANYTHING, IS_BOOLEAN, IS_FUNCTION, IS_TELEMETRY, readNumbers, type OptionCheck } from "@parley/core/internal";
import type { Authenticate, GroupStore } from "@parley/mls-engine";
import type { RelayClientOptions } from "@parley/skytale-relay";
import { readLimits } from "@parley/skytale-relay/options";
import type { SkytaleClientEvents } from "./client-events.ts";

/** Limits of one channel. */
export interface ChannelLimits {
  /** Unsettled received messages. At this number the channel stops reading. Default 1024. */
  readonly maxMessages: number;
  /** Bytes of unsettled received messages. The inbox accepts at least one message of any size. Default 16 MiB. */
  readonly maxBytes: number;
  /** Entries of the audit chain, about 1 KB of memory and disk each. The oldest are removed. Default 10,000. */
  readonly maxAuditEntries: number;
  /** Messages waiting to be sent. Default 10,000. */
  readonly maxQueued: number;
  /** Bytes of messages waiting to be sent. Default 64 MiB. */
  readonly maxQueuedBytes: number;
}

/** Optional settings of `SkytaleClient`. */
export interface SkytaleClientSettings {
  /** API key, `sk_live_…`, for the API server and for relay tokens. Requires `apiUrl`. */
  readonly apiKey?: string;
  /** URL of the API server. */
  readonly apiUrl?: string;
  /** Provider of relay tokens, instead of the API server. */
  readonly token?: RelayClientOptions["token"];
  /** Custom transport to the relay, instead of `endpoint`. */
  readonly transport?: RelayClientOptions["transport"];
  /** CA certificates for the relay, in PEM. Default: those of the system. */
  readonly ca?: Uint8Array;
  /** Key that encrypts the data directory: 32 random bytes, permanently the same. Without it, only file modes protect the keys. */
  readonly storageKey?: Uint8Array;
  /** Custom store, instead of a data directory. The client closes it. */
  readonly store?: GroupStore;
  /**
   * Decides whether a member's credential is accepted. Default: accepts the basic credential of every member that another member adds, and
   * rejects later changes of its identity or signature key.
   */
  readonly authenticate?: Authenticate;
  /**
   * Whether several members can have one identity, so that only their keys distinguish them. Use the same value at all agents of a channel:
   * agents with `false` reject commits that others accept, which forks the group. Default `false`: an agent with the identity of a member is
   * rejected with `identity_taken`.
   */
  readonly allowSameIdentity?: boolean;
  /**
   * Format of the commits and proposals that this agent sends: encrypted as PrivateMessage, or signed but readable as PublicMessage (RFC 9420
   * §6.2). A PublicMessage reveals to the relay the identities and keys of the members that are added, removed or updated. Set `"public"` at all
   * agents of channels with members that accept only PublicMessage, such as core-crypto. Both formats are always received. Application
   * messages are always encrypted. Default `"private"`.
   */
  readonly handshakes?: "private" | "public";
  /**
   * Default timeout of calls that wait for the relay, such as `send`, `addMember` and `connect`, in milliseconds. `Infinity` disables it.
   * Default 20,000.
   */
  readonly timeoutMs?: number;
  /**
   * Called with conditions that an operator should know although no call fails, such as a relay connection missing for 5 seconds. Default:
   * writes one line to stderr.
   */
  readonly onWarning?: (warning: string) => void;
  readonly events?: Partial<SkytaleClientEvents>;
  /**
   * Receives spans of what the agent sends, receives and changes, such as `otel()` of `@parley/otel`. Envelopes then carry the context of their trace,
   * encrypted: members see it, the relay does not. Default: none.
   */
  readonly telemetry?: Telemetry;
  /**
   * Whether each channel has an audit chain: hash-linked entries of what this agent has sent, received and handled, without the content. Default
   * `false`.
   */
  readonly audit?: boolean;
  readonly limits?: Partial<ChannelLimits>;
  /** Timeouts and limits of the relay connection. */
  readonly relayLimits?: RelayClientOptions["limits"];
}

/** Options of `SkytaleClient`. */
export interface SkytaleClientOptions extends SkytaleClientSettings {
  /** URL of the relay, such as `https://relay.example:5000`. Default port 5000; `http://` disables TLS. */
  readonly endpoint: string;
  /** Directory for the keys and the channel state of this agent only. If you lose it, its keys cannot be recovered. */
  readonly dataDir: string;
  /** Name that other members see; text is encoded as UTF-8. The data directory is bound to the identity it was created with. */
  readonly identity: string | Uint8Array;
}

/** Options of a channel that is created, joined or opened. */
export interface ChannelOptions {
  /** Whether received messages are stored until they are settled. `false` for agents that only send. Default `true`. */
  readonly receive?: boolean;
  /** Aborts the wait. */
  readonly signal?: AbortSignal;
}

/** Options of `SkytaleClient.createChannel`. */
export interface CreateChannelOptions extends ChannelOptions {
  /**
   * Whether to create a new group even if the channel exists. Members of the old and the new group cannot decrypt each other's messages. For
   * an agent that was the only member and has lost its keys. Default `false`.
   */
  readonly replace?: boolean;
  /** Longest wait for the servers, in milliseconds. Default: the `timeoutMs` of the client, 20,000. */
  readonly timeoutMs?: number;
}

/** Options of `SkytaleClient.joinChannel`. */
export interface JoinChannelOptions extends ChannelOptions {
  /** Whether this agent updates its keys soon after joining, which keeps later commits small. Default `true`. */
  readonly updateKeys?: boolean;
}

/** Names of the options in {@link ChannelOptions}, {@link CreateChannelOptions} and {@link JoinChannelOptions}. */
export const OPEN_OPTIONS: readonly string[] = ["receive", "signal"];
export const CREATE_OPTIONS: readonly string[] = [...OPEN_OPTIONS, "replace", "timeoutMs"];
export const JOIN_OPTIONS: readonly string[] = [...OPEN_OPTIONS, "updateKeys"];

const DEFAULTS: ChannelLimits = {
  maxMessages: 1024,
  maxBytes: 16 * 1024 * 1024,
  maxAuditEntries: 10_000,
  maxQueued: 10_000,
  maxQueuedBytes: 64 * 1024 * 1024,
};

const IS_STRING: OptionCheck = { expected: "a string", is: (value) => typeof value === "string" };
const IS_BYTES: OptionCheck = { expected: "a Uint8Array", is: (value) => value instanceof Uint8Array };
const IS_KEY: OptionCheck = { expected: "a Uint8Array of 32 bytes", is: (value) => value instanceof Uint8Array && value.length === 32 };
const IS_HANDSHAKES: OptionCheck = { expected: '"private" or "public"', is: (value) => value === "private" || value === "public" };
const IS_STORE: OptionCheck = { expected: "a GroupStore", is: (value) => hasMethods(value, ["open", "close"]) };
const IS_TRANSPORT: OptionCheck = { expected: "a RelayTransport", is: (value) => hasMethods(value, ["open", "call", "close"]) };

/** Options with `IS_ANYTHING` are checked where they are read. */
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
  telemetry: IS_TELEMETRY,
  audit: IS_BOOLEAN,
  limits: IS_ANYTHING,
  relayLimits: IS_ANYTHING,
};

const EVENTS: Readonly<Record<keyof SkytaleClientEvents, OptionCheck>> = {
  onConnected: IS_FUNCTION,
  onDisconnected: IS_FUNCTION,
  onCaughtUp: IS_FUNCTION,
  onMembersChanged: IS_FUNCTION,
  onSkipped: IS_FUNCTION,
  onDecrypted: IS_FUNCTION,
  onGrantsDiffer: IS_FUNCTION,
  onError: IS_FUNCTION,
};

/** Names of the options of a client. */
export const CLIENT_OPTIONS: readonly string[] = Object.keys(CHECKS);

/** Checks the options of a client: a misspelt `storageKey` would leave the data unencrypted. @throws TypeError naming the invalid option */
export function checkClientOptions(given: object): void {
  checkGiven(given, "SkytaleClient", "endpoint, dataDir and identity");
  checkSettings(given, {});
}

/**
 * Checks the options of a client, and additional ones of the calling class.
 *
 * @throws TypeError naming the unknown or invalid option
 */
export function checkSettings(
  given: Pick<SkytaleClientSettings, "events" | "relayLimits">,
  more: Readonly<Record<string, OptionCheck>>,
): void {
  const misplaced = Object.keys(given).find((name) => Object.hasOwn(EVENTS, name));
  if (misplaced !== undefined) throw new TypeError(`Unknown option "${misplaced}". It is an event: events: { ${misplaced}: … }`);
  checkOptions<object>(given, { ...CHECKS, ...more });
  checkOptions<SkytaleClientEvents>(given.events, EVENTS, "events.");
  readLimits(given.relayLimits, "relayLimits");
}

function hasMethods(value: unknown, names: readonly string[]): boolean {
  return typeof value === "object" && value !== null && names.every((name) => typeof Reflect.get(value, name) === "function");
}

/** @throws TypeError if the constructor was called without options */
export function checkGiven(options: unknown, className: string, needed: string): void {
  if (typeof options !== "object" || options === null) throw new TypeError(`${className} takes an options object with ${needed}`);
}

/** Fills in the defaults. @throws TypeError */
export function channelLimits(given: Partial<ChannelLimits> = {}): ChannelLimits {
  const limits = readNumbers("limits", DEFAULTS, given);
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value)) throw new TypeError(`limits.${name} must be an integer of at least 1`);
  }
  return limits;
}
