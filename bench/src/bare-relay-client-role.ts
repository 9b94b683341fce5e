// The counterpart of relay-client-role on the bare server.
import { once } from "node:events";
import { Client, type ClientDuplexStream, credentials, Metadata } from "@grpc/grpc-js";
import { BARE_METHOD } from "./bare-relay.ts";
import { argument, serve } from "./worker.ts";

/** A stream, and how much has come by it. */
class Stream {
  readonly call: ClientDuplexStream<Buffer, Buffer>;
  readonly #client: Client;
  #missing = 0;
  #arrived: () => void = () => undefined;

  constructor(metadata: Metadata) {
    this.#client = new Client(url, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      "grpc-node.flow_control_window": 4 * 1024 * 1024,
    });
    const { path, requestSerialize, responseDeserialize } = BARE_METHOD;
    this.call = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata, {});
    this.call.on("error", () => undefined);
    this.call.on("data", () => {
      if (--this.#missing === 0) this.#arrived();
    });
  }

  async opened(): Promise<void> {
    await once(this.call, "metadata");
  }

  /** Resolves when this many more messages have arrived than at the end of the previous wait. */
  take(count: number): Promise<void> {
    this.#missing += count;
    if (this.#missing === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#arrived = resolve));
  }

  close(): void {
    this.call.cancel();
    this.#client.close();
  }
}

const { url } = argument() as { url: string };
const payload = Buffer.alloc(1024, 7);
const listening: Stream[] = [];
const publisher = new Stream(new Metadata());
await publisher.opened();

interface Question {
  readonly subscribers?: number;
  readonly take?: number;
  readonly publish?: number;
  readonly window?: number;
  readonly turns?: number;
  readonly echo?: number;
  readonly requests?: number;
}

serve({}, async ({ subscribers, take, publish, window = 256, turns, echo, requests }: Question) => {
  if (subscribers !== undefined) return subscribe(subscribers);
  if (take !== undefined) await Promise.all(listening.map((stream) => stream.take(take)));
  if (publish !== undefined) await publishAll(publish, window);
  if (echo !== undefined) await exchange(echo, false);
  if (requests !== undefined) return exchange(requests, true);
  return turns === undefined ? 0 : takeTurns(turns);
});

async function subscribe(count: number): Promise<number> {
  while (listening.length > count) listening.pop()?.close();
  while (listening.length < count) {
    const metadata = new Metadata();
    metadata.set("listen", "yes");
    const stream = new Stream(metadata);
    listening.push(stream);
    await stream.opened();
  }
  return count;
}

async function publishAll(count: number, window: number): Promise<void> {
  let sent = 0;
  const more = (): void => {
    if (sent++ < count) publisher.call.write(payload);
  };
  publisher.call.on("data", more);
  const done = publisher.take(count);
  for (let n = 0; n < window; n++) more();
  await done;
  publisher.call.off("data", more);
}

/**
 * Sends each message when the previous one has come back from another client, or sends each received one back. Returns microseconds of one. The
 * server acknowledges what is sent, so every turn brings two messages.
 */
async function exchange(count: number, isFirst: boolean): Promise<number> {
  const [stream] = listening;
  const started = performance.now();
  for (let turn = 0; turn < count; turn++) {
    if (!isFirst) await stream?.take(1);
    const received = stream?.take(isFirst ? 2 : 1);
    stream?.call.write(payload);
    await received;
  }
  return ((performance.now() - started) / count) * 1000;
}

async function takeTurns(count: number): Promise<number> {
  const [subscription] = listening;
  const started = performance.now();
  for (let turn = 0; turn < count; turn++) {
    const acknowledged = publisher.take(1);
    const delivered = subscription?.take(1);
    publisher.call.write(payload);
    await acknowledged;
    await delivered;
  }
  return ((performance.now() - started) / count) * 1000;
}
