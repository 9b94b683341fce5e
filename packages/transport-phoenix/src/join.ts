import type { ConnectOptions, Delivery } from "@parley/core";
import type { Reply } from "./frame.ts";
import type { DidSpecOptions } from "./options.ts";

const REPORT_PROBLEM = "https://didcomm.org/report-problem/2.0";

/** The node pushes `wallet_changed` when the credentials stored for the DID change. */
const WALLET_WATCH = "wallet_watch/1";
/** The node publishes the keys of agents that hold them themselves. */
const AGENT_KEYS = "agent_keys/1";

/**
 * Capabilities that Parley's node reads. This agent accepts deliveries immediately after the reply to the join, and acknowledges all of them, responses
 * included. It wants to know of changes of its stored credentials.
 */
const CAPABILITIES = ["early_delivery/1", "answer_ack/1", WALLET_WATCH];

/** The contents of the node's reply to a join. */
export interface Grant {
  /** The DID that the node assigned or confirmed, if it names one. */
  readonly did: string | undefined;
  /** When the node expects acknowledgements. */
  readonly acknowledge: Delivery["acknowledge"];
  /** Whether one `ack` may name several messages with the outcome "handled". */
  readonly batchesHandled: boolean;
  /** Whether another connection of the DID lost protocols to this one. */
  readonly tookOver: boolean;
  /** Whether the node announces changes of stored credentials. */
  readonly announcesWalletChanges: boolean;
  /** Whether the node publishes the keys of agents that hold them themselves. */
  readonly publishesKeys: boolean;
  /** The grants that the node has derived for a DID with a parent. Not checked. */
  readonly delegated: unknown;
}

/** What a join wants, and its DID's keys. */
export interface JoinWishes {
  readonly did: string | undefined;
  readonly protocols: readonly string[];
  readonly parent?: ConnectOptions["parent"] | undefined;
  readonly keys?: ConnectOptions["keys"] | undefined;
}

/** The topic of a DID's channel. Without a DID: the topic on which the node assigns one. */
export function topicOf(did: string | undefined): string {
  return `plugins:${did ?? ""}`;
}

/** What the link knows when it joins. */
export interface JoinMoment {
  /** The node's time, in milliseconds since 1970. */
  readonly nowMs: number;
  /** Whether the node is known to read Parley's extensions. Others get what layr8's SDKs send, since a node may refuse unknown members. */
  readonly isExtended: boolean;
}

/** The payload of a join, as JSON. The problem-report protocol is always included. */
export function joinPayload(
  { did, protocols, parent, keys }: JoinWishes,
  didSpec: DidSpecOptions,
  { nowMs, isExtended }: JoinMoment,
): string {
  return JSON.stringify({
    payload_types: [...new Set([REPORT_PROBLEM, ...protocols])],
    reply_protocol: true,
    ...(isExtended && { capabilities: CAPABILITIES }),
    did_spec: {
      mode: didSpec.mode ?? "Create",
      storage: parent === undefined ? (didSpec.storage ?? (did === undefined ? "ephemeral" : "persistent")) : "ephemeral",
      type: "plugin",
      verificationMethods: [{ purpose: "authentication" }, { purpose: "assertionMethod" }, { purpose: "keyAgreement" }],
      ...(parent && { parentDid: parent.did, childNameSource: parent.namedBy }),
      ...(keys && { keys: keys(nowMs) }),
    },
    ...(parent && { delegation_refresh: true }),
  });
}

/** Reads the node's answer to a join. Members of the wrong type count as absent: all of them are optional. */
export function readGrant({ response: { did, capabilities, took_over: tookOver, delegated_credentials: delegated } }: Reply): Grant {
  const has = (capability: string) => Array.isArray(capabilities) && capabilities.includes(capability);
  return {
    did: typeof did === "string" && did !== "" ? did : undefined,
    acknowledge: has("reply_protocol/1") ? "outcome" : "first",
    batchesHandled: has("batch_ack/1"),
    tookOver: tookOver === true,
    announcesWalletChanges: has(WALLET_WATCH),
    publishesKeys: has(AGENT_KEYS),
    delegated,
  };
}
