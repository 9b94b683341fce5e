import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { RelayClient } from "@parley/skytale-relay";
import { expect, it } from "vitest";
import { CHANNEL, message, RelayHarness, take, text } from "./relay-harness.ts";

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** A TCP proxy that misbehaves when told to. */
class Proxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Drops all bytes of new and old connections without closing them. */
  #blackHole = false;

  constructor(target: number) {
    this.#server = createServer((near) => {
      const far = connect(target, "127.0.0.1");
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.on("data", (bytes) => {
          if (!this.#blackHole && !to.write(bytes)) {
            from.pause();
            to.once("drain", () => from.resume());
          }
        });
        from.on("error", () => to.destroy());
        from.on("close", () => {
          this.#sockets.delete(from);
          to.destroy();
        });
      }
    });
  }

  async listen(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Drops all bytes of existing connections. New ones work after `heal`. */
  blackHole(): void {
    this.#blackHole = true;
  }

  heal(): void {
    // Old connections lack the dropped bytes and stay unusable.
    for (const socket of this.#sockets) socket.removeAllListeners("data").pause();
    this.#blackHole = false;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

it("connections that are cut again and again cost no message and bring none twice", async () => {
  await using harness = new RelayHarness();
  const proxy = new Proxy((await harness.listen()).port);
  const url = `http://127.0.0.1:${await proxy.listen()}`;
  await using client = new RelayClient({ url, token: () => "alice", limits: { initialBackoffMs: 5, maxBackoffMs: 20 } });
  try {
    const iterator = client.subscribe(CHANNEL, { from: 1, bufferBytes: 20_000 })[Symbol.asyncIterator]();
    const publishing = Promise.all(upTo(5000).map((number) => client.publish(CHANNEL, message(`${number}`))));
    const received: string[] = [];
    for (let cuts = 0; received.length < 5000;) {
      received.push(...(await take(iterator, 1)).map(({ payload }) => text(payload)));
      if (received.length % 400 === 0 && cuts++ < 10) proxy.cut();
    }
    expect(received).toEqual(upTo(5000).map(String));
    expect((await publishing).map(({ sequence }) => sequence)).toEqual(upTo(5000));
  } finally {
    await client.close();
    await proxy.close();
  }
});

it("a silent connection is detected and replaced", async () => {
  await using harness = new RelayHarness();
  const proxy = new Proxy((await harness.listen()).port);
  const url = `http://127.0.0.1:${await proxy.listen()}`;
  const downs: string[] = [];
  await using client = new RelayClient({
    url,
    token: () => "alice",
    limits: { initialBackoffMs: 5, maxBackoffMs: 20, openTimeoutMs: 200, pingAfterMs: 50, pingTimeoutMs: 200 },
    events: {
      onDisconnected: ({ code }) => {
        downs.push(code);
        proxy.heal();
      },
    },
  });
  try {
    const iterator = client.subscribe(CHANNEL, { from: 1 })[Symbol.asyncIterator]();
    await client.publish(CHANNEL, message("1"));
    proxy.blackHole();
    const publishing = client.publish(CHANNEL, message("2"));
    await publishing;
    expect((await take(iterator, 2)).map(({ payload }) => text(payload))).toEqual(["1", "2"]);
    expect(downs[0]).toBe("timeout");
  } finally {
    await client.close();
    await proxy.close();
  }
});

it("a reader that stops reading its socket does not delay other readers and costs the relay no memory", async () => {
  let delivered = 0;
  await using harness = new RelayHarness({ observer: { onDelivered: (_messages, bytes) => (delivered += bytes) } });
  const proxy = new Proxy((await harness.listen()).port);
  const port = await proxy.listen();
  const huge = { from: 1, bufferBytes: 1024 ** 3 } as const;
  await using stuck = new RelayClient({ url: `http://127.0.0.1:${port}`, token: () => "stuck" });
  const alice = await harness.grpcClient("alice");
  try {
    await stuck.subscribe(CHANNEL, huge).whenOpen();
    proxy.heal();
    const content = "x".repeat(50_000);
    const reader = alice.subscribe(CHANNEL, { from: 1 })[Symbol.asyncIterator]();
    const total = 1000;
    const reading = take(reader, total);
    for (let sent = 0; sent < total; sent += 20) await Promise.all(upTo(20).map(() => alice.publish(CHANNEL, message(content))));
    expect((await reading).at(-1)?.sequence).toBe(total);
    // Alice got all of it; the other one what fits into the buffers on the way: the kernel's, HTTP/2's and the relay's.
    expect(delivered - total * content.length).toBeLessThan(16 * 1024 * 1024);
  } finally {
    await stuck.close();
    await proxy.close();
  }
});
