// The counterpart of relay-client-role on a JetStream server. Subscribers read the stored stream, as those of a relay read its log.
import { type ConsumerMessages, DeliverPolicy, jetstream, type JsMsg } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { publishWindow } from "./publish-window.ts";
import { argument, serve } from "./worker.ts";

const { url, stream } = argument() as { url: string; stream: string };
const payload = new Uint8Array(1024).fill(7);
const publisher = jetstream(await connect({ servers: url }));
const subscriptions: { readonly messages: ConsumerMessages; readonly iterator: AsyncIterator<JsMsg>; close(): Promise<void> }[] = [];

interface Question {
  readonly subscribers?: number;
  readonly take?: number;
  readonly publish?: number;
  readonly window?: number;
  readonly turns?: number;
}

serve({}, async ({ subscribers, take, publish, window = 256, turns }: Question) => {
  if (subscribers !== undefined) await subscribe(subscribers);
  if (take !== undefined) await Promise.all(subscriptions.map(({ iterator }) => drain(iterator, take)));
  if (publish !== undefined) await publishWindow(publish, window, () => publisher.publish(stream, payload));
  return turns === undefined ? 0 : takeTurns(turns);
});

async function subscribe(count: number): Promise<void> {
  while (subscriptions.length > count) await subscriptions.pop()?.close();
  while (subscriptions.length < count) {
    const connection = await connect({ servers: url });
    const consumer = await jetstream(connection).consumers.get(stream, { deliver_policy: DeliverPolicy.New });
    const messages = await consumer.consume({ max_messages: 2000 });
    subscriptions.push({ messages, iterator: messages[Symbol.asyncIterator](), close: () => connection.close() });
  }
}

async function drain(messages: AsyncIterator<JsMsg>, count: number): Promise<void> {
  for (let taken = 0; taken < count; taken++) await messages.next();
}

/** Returns microseconds of one. */
async function takeTurns(count: number): Promise<number> {
  const [subscription] = subscriptions;
  const started = performance.now();
  for (let turn = 0; turn < count; turn++) await Promise.all([publisher.publish(stream, payload), subscription?.iterator.next()]);
  return ((performance.now() - started) / count) * 1000;
}
