import { Envelope, Protocol, type ReceivedEnvelope } from "@parley/envelope-and-adapters";

type Inbound = AsyncIterator<ReceivedEnvelope, undefined>;

export function envelope(content: string, protocol: string = Protocol.RAW): Envelope {
  return new Envelope(protocol, "text/plain", new TextEncoder().encode(content));
}

export function contentOf({ envelope: { payload } }: ReceivedEnvelope): string {
  return new TextDecoder().decode(payload);
}

/** The next `count` envelopes. */
export async function take(inbound: Inbound, count: number): Promise<ReceivedEnvelope[]> {
  const taken: ReceivedEnvelope[] = [];
  while (taken.length < count) {
    const { value } = await inbound.next();
    if (value === undefined) throw new Error(`The iteration ended after ${taken.length} of ${count} envelopes`);
    taken.push(value);
  }
  return taken;
}

/** The contents of the next `count` envelopes. */
export async function contents(inbound: Inbound, count: number): Promise<string[]> {
  return (await take(inbound, count)).map(contentOf);
}
