import type { Message } from "@parley/core";
import { nodeHoldsKeys } from "../credentials/hosted-resolver.ts";
import type { Refusal } from "../routing/refusal.ts";
import type { Remote } from "../routing/remote.ts";
import type { Outbound } from "./outbound/outbound.ts";
import type { Whereabouts } from "./whereabouts.ts";

/** What {@link RemoteAgents} is made with. */
export interface RemoteAgentsOptions {
  /** `undefined` while the node starts and stops. */
  readonly outbound: () => Outbound | undefined;
  readonly whereabouts: () => Whereabouts;
  /** Life of a message that states no `expires_time`, in milliseconds. */
  readonly messageTtlMs: number;
  readonly now: () => number;
}

/** The way to agents on other nodes: what can be known at once about a recipient, and the durable queue. */
export class RemoteAgents implements Remote {
  readonly #options: RemoteAgentsOptions;

  constructor(options: RemoteAgentsOptions) {
    this.#options = options;
  }

  refuse(sender: string, recipient: string): Refusal | undefined {
    const why = this.#options.whereabouts().refusal(recipient);
    if (why !== undefined) return { label: "unknown_recipient", reason: `unknown recipient: ${why}` };
    if (nodeHoldsKeys(sender)) return undefined;
    const reason = "unreachable: the node can't encrypt for other nodes in the name of a did:key, whose key it doesn't have";
    return { label: "unreachable", reason };
  }

  async send(message: Message, text: string, recipient: string): Promise<Refusal | undefined> {
    const { outbound, messageTtlMs, now } = this.#options;
    const queue = outbound();
    if (queue === undefined) return { label: "failed", reason: "the node is not ready: send it again", code: "e.p.me.res.net" };
    const { id, type, from: sender = "", expiresTime } = message;
    const expiresAt = expiresTime === undefined ? now() + messageTtlMs : expiresTime * 1000;
    const enqueued = await queue.enqueue({ sender, recipient, id, type, plaintext: text, expiresAt });
    if (enqueued.status === "full") {
      return {
        label: "outbox_full",
        reason: `outbox full: too many messages wait for the node of ${recipient}`,
        code: "e.p.me.res.storage",
      };
    }
    if (enqueued.status === "stored") await enqueued.durable;
    return undefined;
  }
}
