import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

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
  #ports: readonly number[];
  #next = 0;

  private constructor(server: Server, ports: readonly number[]) {
    this.#server = server;
    this.#ports = ports;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (client) => this.#forward(client));
  }

  /** @param ports the servers' ports on loopback. @param port its own; 0 takes a free one. */
  static async start(ports: readonly number[], port = 0): Promise<LoadBalancer> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
    return new LoadBalancer(server, ports);
  }

  /** Sends further connections to other servers; those that are open stay. */
  use(ports: readonly number[]): void {
    this.#ports = ports;
  }

  /** Connections that are open to a server. */
  connectionsTo(port: number): number {
    return [...this.#pairs].filter((pair) => pair.port === port).length;
  }

  /** Cuts the connections to a server, or all. */
  cut(port?: number): void {
    for (const pair of this.#pairs) if (port === undefined || pair.port === port) pair.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }

  #forward(client: Socket): void {
    const count = this.#ports.length;
    const first = this.#next++;
    client.on("error", () => client.destroy());
    const attempt = (tried: number): void => {
      const port = tried < count ? this.#ports[(first + tried) % count] : undefined;
      if (port === undefined || client.destroyed) return void client.destroy();
      const server = connect(port, "127.0.0.1");
      server.once("error", () => attempt(tried + 1));
      server.once("connect", () => {
        server.removeAllListeners("error");
        this.#join({ port, client, server });
      });
    };
    attempt(0);
  }

  #join({ port, client, server }: { readonly port: number; readonly client: Socket; readonly server: Socket }): void {
    const end = (): void => {
      client.destroy();
      server.destroy();
      this.#pairs.delete(pair);
    };
    const pair: Pair = { port, end };
    this.#pairs.add(pair);
    server.on("error", end).on("close", end);
    client.on("error", end).on("close", end);
    client.pipe(server).pipe(client);
  }
}

interface Pair {
  readonly port: number;
  end(): void;
}
