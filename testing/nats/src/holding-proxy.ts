import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** Which messages of a NATS server are held back, and which request of the client lets them through. Without one, only {@link HoldingProxy.release} does. */
export interface HeldMessages {
  /** Begins the subjects of the messages. */
  readonly subject: string;
  /** Subject of the request. */
  readonly until?: string;
}

/**
 * Forwards connections to a NATS server, and holds messages back as a slow consumer of a stream would: the other ones pass them.
 *
 * ```ts
 * const proxy = await HoldingProxy.start(nats.urls[0]);
 * proxy.hold({ subject: "pn.owners.", until: "$JS.API.STREAM.MSG.GET.PN_OWNERS" });
 * ```
 */
export class HoldingProxy implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #held: (() => void)[] = [];
  #which: HeldMessages | undefined;

  private constructor(server: Server, target: string) {
    this.#server = server;
    this.url = `nats://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { hostname, port } = new URL(target);
    server.on("connection", (client) => this.#forward(client, connect(Number(port), hostname)));
  }

  static async start(target: string): Promise<HoldingProxy> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
    return new HoldingProxy(server, target);
  }

  /** How many messages are held back now. */
  get held(): number {
    return this.#held.length;
  }

  hold(which: HeldMessages): void {
    this.#which = which;
  }

  /** Forwards the held messages, and all later ones. */
  release(): void {
    this.#which = undefined;
    for (const write of this.#held.splice(0)) write();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #forward(client: Socket, server: Socket): void {
    for (const [socket, peer] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        peer.destroy();
        this.#sockets.delete(socket);
      });
    }
    readFrames(client, (frame, subject) => {
      if (this.#which !== undefined && subject === this.#which.until) this.release();
      server.write(frame);
    });
    readFrames(server, (frame, subject) => {
      if (this.#which !== undefined && subject?.startsWith(this.#which.subject) === true) this.#held.push(() => void client.write(frame));
      else client.write(frame);
    });
  }
}

const END_OF_LINE = "\r\n";
const WITH_PAYLOAD = /^(?:MSG|HMSG|PUB|HPUB) (\S+) .*?(\d+)$/i;

/** Splits a connection into the protocol's frames: a line, and the payload of a message. */
function readFrames(socket: Socket, onFrame: (frame: Buffer, subject: string | undefined) => void): void {
  let rest = Buffer.alloc(0);
  socket.on("data", (data) => {
    rest = Buffer.concat([rest, data]);
    for (;;) {
      const end = rest.indexOf(END_OF_LINE);
      if (end === -1) return;
      const match = WITH_PAYLOAD.exec(rest.toString("latin1", 0, end));
      const length = end + END_OF_LINE.length + (match === null ? 0 : Number(match[2]) + END_OF_LINE.length);
      if (rest.length < length) return;
      onFrame(rest.subarray(0, length), match?.[1]);
      rest = rest.subarray(length);
    }
  });
}
