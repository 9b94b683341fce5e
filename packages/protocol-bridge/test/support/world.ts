import { EnvelopeError, type EnvelopePort, type ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { createMemoryChannels, type MemoryChannels } from "@parley/envelope-and-adapters/memory";
import { vi } from "vitest";
import { text } from "./messages.ts";

/** Alice, Bob and the bridge's agent, members of all channels. Channels keep unread envelopes. */
export async function world(
  channels: readonly string[],
  options: { readonly maxBuffered?: number } = {},
): Promise<{ alice: MemoryChannels; bob: MemoryChannels; manager: MemoryChannels }> {
  const [alice, bob, manager] = createMemoryChannels(["alice", "bob", "bridge"], { keepUnread: true, ...options });
  for (const name of channels) {
    await alice.create(name);
    await bob.join(name, new Uint8Array());
    await manager.join(name, new Uint8Array());
  }
  return { alice, bob, manager };
}

export async function take(inbound: AsyncIterator<ReceivedEnvelope, undefined>, count: number): Promise<ReceivedEnvelope[]> {
  const taken: ReceivedEnvelope[] = [];
  while (taken.length < count) {
    const { value } = await inbound.next();
    if (value === undefined) throw new Error(`The port ended after ${taken.length} of ${count}`);
    taken.push(value);
  }
  return taken;
}

export function eventually(check: () => void): Promise<void> {
  return vi.waitFor(check, { timeout: 60_000, interval: 5 });
}

/** A port that rejects envelopes containing a word, with the error for large payloads. */
export function rejecting(port: EnvelopePort, word: string): EnvelopePort {
  return {
    receive: (options) => port.receive(options),
    send: (envelope, options) => {
      if (text(envelope).includes(word)) return Promise.reject(new EnvelopeError("payload_too_large", "too large"));
      return port.send(envelope, options);
    },
  };
}

export function unused(): never {
  throw new Error("This is not called");
}
