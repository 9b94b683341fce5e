import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A server: its port on loopback, or with a host. */
export type Target = number | { readonly host: string; readonly port: number };

/**
 * A TCP load balancer on loopback: each connection goes to the next server that accepts it. It knows nothing of the bytes.
 *
 * ```ts
 * const balancer = await LoadBalancer.start([server.port, other.port]);
 * ```
 */
export class LoadBalancer implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #targets: readonly Target[];
  #next = 0;

  private constructor(server: Server, targets: readonly Target[]) {
    this.#server = server;
    this.#targets = targets;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (client) => this.#forward(client));
  }

  /** @param targets the servers. @param port its own; 0 takes a free one. */
  static async start(targets: readonly Target[], port = 0): Promise<LoadBalancer> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
    return new LoadBalancer(server, targets);
  }

  /** Sends further connections to other servers; those that are open stay. */
  use(targets: readonly Target[]): void {
    this.#targets = targets;
  }

  /** Connections that are open to a server. */
  connectionsTo(target: Target): number {
    return [...this.#pairs].filter((pair) => isSame(pair.target, target)).length;
  }

  /** Cuts the connections to a server, or all. */
  cut(target?: Target): void {
    for (const pair of this.#pairs) if (target === undefined || isSame(pair.target, target)) pair.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }

  #forward(client: Socket): void {
    const count = this.#targets.length;
    const first = this.#next++;
    client.on("error", () => client.destroy());
    const attempt = (tried: number): void => {
      const target = tried < count ? this.#targets[(first + tried) % count] : undefined;
      if (target === undefined || client.destroyed) return void client.destroy();
      const server = connect(addressOf(target));
      server.once("error", () => attempt(tried + 1));
      server.once("connect", () => {
        server.removeAllListeners("error");
        this.#join({ target, client, server });
      });
    };
    attempt(0);
  }

  #join({ target, client, server }: { readonly target: Target; readonly client: Socket; readonly server: Socket }): void {
    const end = (): void => {
      client.destroy();
      server.destroy();
      this.#pairs.delete(pair);
    };
    const pair: Pair = { target, end };
    this.#pairs.add(pair);
    server.on("error", end).on("close", end);
    client.on("error", end).on("close", end);
    client.pipe(server).pipe(client);
  }
}

interface Pair {
  readonly target: Target;
  end(): void;
}

function addressOf(target: Target): { readonly host: string; readonly port: number } {
  return typeof target === "number" ? { host: "127.0.0.1", port: target } : target;
}

function isSame(left: Target, right: Target): boolean {
  const [one, other] = [addressOf(left), addressOf(right)];
  return one.host === other.host && one.port === other.port;
}
