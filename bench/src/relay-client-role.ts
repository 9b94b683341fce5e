// Clients of a relay, in a process of their own: those of the subscribers, or that of a publisher.
import { RelayClient, type Subscription } from "@parley/skytale-relay";
import { publishWindow } from "./publish-window.ts";
import { argument, serve } from "./worker.ts";

const { url, token, channel } = argument() as { url: string; token: string; channel: string };
const payload = new Uint8Array(1024).fill(7);
const clients: RelayClient[] = [];
const subscriptions: AsyncIterator<unknown>[] = [];
const publisher = connect();
await publisher.connect();

interface Question {
  readonly subscribers?: number;
  readonly take?: number;
  readonly publish?: number;
  /** Channels to publish one message to. */
  readonly publishTo?: readonly string[];
  readonly window?: number;
  readonly turns?: number;
  /** Channels that one client subscribes to. */
  readonly subscribeTo?: readonly string[];
}

serve({}, async ({ subscribers, take, publish, publishTo, subscribeTo, window = 256, turns }: Question) => {
  if (subscribers !== undefined) return subscribe(subscribers);
  if (take !== undefined) await Promise.all(subscriptions.map((subscription) => drain(subscription, take)));
  if (publishTo !== undefined)
    await Promise.all(publishTo.map((name) => publisher.publish(name, { kind: "application", epoch: 1n, payload })));
  if (publish !== undefined) await publishWindow(publish, window, publishOne);
  for (const name of subscribeTo ?? []) await publisher.subscribe(name, { from: "now" }).whenOpen();
  return turns === undefined ? 0 : takeTurns(turns);
});

function connect(): RelayClient {
  return new RelayClient({ url, token: () => token });
}

/** Opens this many subscriptions, each with its own client. */
async function subscribe(count: number): Promise<number> {
  while (clients.length > count) {
    subscriptions.pop();
    await clients.pop()?.close();
  }
  const added: Subscription[] = [];
  while (clients.length < count) {
    const client = connect();
    clients.push(client);
    const subscription = client.subscribe(channel, { from: "now", bufferBytes: 4 * 1024 * 1024 });
    added.push(subscription);
    subscriptions.push(subscription[Symbol.asyncIterator]());
    // Not all at once: their handshakes would wait for one another.
    if (added.length % 50 === 0) await subscription.whenOpen();
  }
  for (const subscription of added) await subscription.whenOpen();
  return count;
}

async function drain(subscription: AsyncIterator<unknown>, count: number): Promise<void> {
  for (let taken = 0; taken < count; taken++) await subscription.next();
}

function publishOne(): Promise<unknown> {
  return publisher.publish(channel, { kind: "application", epoch: 1n, payload });
}

/** Publishes one after the other, each when the one before has been delivered here and acknowledged. Returns microseconds of one. */
async function takeTurns(count: number): Promise<number> {
  const [subscription] = subscriptions;
  const started = performance.now();
  for (let turn = 0; turn < count; turn++) {
    await Promise.all([publishOne(), subscription?.next()]);
  }
  return ((performance.now() - started) / count) * 1000;
}
