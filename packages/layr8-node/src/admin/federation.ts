import type { JsonObject } from "@parley/core";
import { describeThrown } from "@parley/core/internal";
import type { AdminParameters } from "@parley/server-kit";
import type { NodeView } from "./node-view.ts";

const MAX_PAIRS = 200;
const PAGE = { limit: 200, maxLength: 4 * 1024 * 1024 };

/** Which partner is slow, since when, what waits, when is the next try? */
export function readFederation({ federation, recorder }: NodeView): unknown {
  const { hosts, pairs } = federation().describe(MAX_PAIRS);
  const { messages, length, blocked } = federation().depth;
  const histories = Array.from(recorder.hosts, ([host, history]) => ({ host, ...history }));
  return { messages, length, blocked, hosts, pairs, histories };
}

/** Which messages of a sender to a recipient wait for another node? The first of them. */
export function readOutbound({ federation }: NodeView, { from: sender = "", to: recipient = "" }: AdminParameters): unknown {
  return { messages: federation().list({ sender, recipient }, PAGE) };
}

/** The DID document that messages to a DID would use. */
export async function resolveDid({ resolver, stores }: NodeView, did: string): Promise<unknown> {
  try {
    const document = (await resolver().resolve(did, { signal: AbortSignal.timeout(10_000) })) as unknown as JsonObject;
    return { did, isHosted: stores.dids.has(did), document };
  } catch (error) {
    return { did, isHosted: false, error: describeThrown(error) };
  }
}
