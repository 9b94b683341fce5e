// The counterpart of relay-client-role on the bare server.
import { once } from "node:events";
import { Client, type ClientDuplexStream, credentials, Metadata } from "@grpc/grpc-js";
import { ACK, BARE_METHOD, PAYLOAD_BYTES } from "./bare-relay.ts";
import { argument, serve } from "./worker.ts";

/** A stream, and how much has come by it. */
class Stream {
  readonly call: ClientDuplexStream<Buffer, Buffer>;
  readonly #client: Client;
  /** Called with the number of messages, or acknowledgements, that a frame has brought. */
  onArrival: (count: number) => void = () => undefined;
  #missing = 0;
  #arrived: () => void = () => undefined;
  #toSend = 0;

  constructor(metadata: Metadata) {
    this.#client = new Client(url, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      "grpc-node.flow_control_window": 4 * 1024 * 1024,
    });
    const { path, requestSerialize, responseDeserialize } = BARE_METHOD;
    this.call = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata, {});
    this.call.on("error", () => undefined);
    this.call.on("data", (frame: Buffer) => {
      const count = read(frame);
      this.#missing -= count;
      if (this.#missing === 0) this.#arrived();
      this.onArrival(count);
    });
  }

  send(): void {
    if (!isBatched) this.call.write(payload);
    else if (++this.#toSend === 1) setImmediate(() => this.#flush());
    else if (this.#toSend === MAX_BATCH) this.#flush();
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

  #flush(): void {
    if (this.#toSend === 0) return;
    this.call.write(this.#toSend === 1 ? payload : Buffer.alloc(this.#toSend * PAYLOAD_BYTES, payload));
    this.#toSend = 0;
  }
}

/** The number of messages or acknowledgements in a frame. A message is a copy of its part of the frame. */
function read(frame: Buffer): number {
  if (!isBatched) return 1;
  if (frame.length % PAYLOAD_BYTES > 0) return frame.length / ACK.length;
  for (let at = 0; at < frame.length; at += PAYLOAD_BYTES) received[0] = Buffer.from(frame.subarray(at, at + PAYLOAD_BYTES));
  return frame.length / PAYLOAD_BYTES;
}

/** Messages of one frame at most. */
const MAX_BATCH = 31;
/** The message that came last. */
const received: Buffer[] = [];

const { url, isBatched } = argument() as { url: string; isBatched: boolean };
const payload = Buffer.alloc(PAYLOAD_BYTES, 7);
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
  publisher.onArrival = (arrived) => {
    for (let n = 0; n < arrived && sent < count; n++, sent++) publisher.send();
  };
  const done = publisher.take(count);
  publisher.onArrival(window);
  await done;
  publisher.onArrival = () => undefined;
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
    stream?.send();
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
    publisher.send();
    await acknowledged;
    await delivered;
  }
  return ((performance.now() - started) / count) * 1000;
}
