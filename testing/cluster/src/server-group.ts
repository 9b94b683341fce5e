import { LoadBalancer, type Machine, type Target } from "@parley/test-nats";
import { ServerProcess } from "./server-process.ts";

/** Servers of one kind. */
export interface GroupOptions {
  readonly name: string;
  /** Path of the program. */
  readonly program: string;
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Variables of the addresses that it prints, each of which gets a load balancer. */
  readonly addresses: readonly string[];
  /** The machine of each server; default: all are processes of this one. */
  readonly machines?: readonly Machine[] | undefined;
}

/** Servers of one kind, each a process, with a load balancer in front of each of their addresses. */
export class ServerGroup implements AsyncDisposable {
  readonly #options: GroupOptions;
  readonly #balancers: ReadonlyMap<string, LoadBalancer>;
  readonly #processes: (ServerProcess | undefined)[] = [];

  private constructor(options: GroupOptions, balancers: ReadonlyMap<string, LoadBalancer>) {
    this.#options = options;
    this.#balancers = balancers;
  }

  static async open(options: GroupOptions): Promise<ServerGroup> {
    const balancers = new Map<string, LoadBalancer>();
    for (const variable of options.addresses) balancers.set(variable, await LoadBalancer.start([]));
    return new ServerGroup(options, balancers);
  }

  /** Indexes of the servers that run. */
  get running(): readonly number[] {
    return this.#processes.flatMap((server, index) => (server === undefined ? [] : [index]));
  }

  /** The load balancer in front of an address. */
  balancer(variable: string): LoadBalancer {
    const balancer = this.#balancers.get(variable);
    if (balancer === undefined) throw new TypeError(`${this.#options.name} has no address ${variable}`);
    return balancer;
  }

  /** An address of the group: that of the load balancer. */
  url(variable: string): string {
    const [server] = this.#processes.filter((each) => each !== undefined);
    const url = new URL(server?.printed[variable] ?? "");
    url.hostname = "127.0.0.1";
    url.port = String(this.balancer(variable).port);
    return url.href.replace(/\/$/, "");
  }

  /** A server that runs. */
  server(index: number): ServerProcess {
    const server = this.#processes[index];
    if (server === undefined) throw new TypeError(`${this.#options.name}-${index} does not run`);
    return server;
  }

  /** The server with the most connections by way of a load balancer. */
  busiest(variable: string): number {
    const balancer = this.balancer(variable);
    const connections = (index: number): number => balancer.connectionsTo(this.#target(index, variable));
    return this.running.toSorted((left, right) => connections(right) - connections(left))[0] ?? 0;
  }

  /** Starts a server, on free ports. @param more variables to wait for, in addition to its addresses. */
  async start(index: number, more: readonly string[] = []): Promise<ServerProcess> {
    const { name, program, flags, environment, addresses, machines } = this.#options;
    const machine = machines?.[index];
    const host = machine === undefined ? [] : ["--host", machine.host];
    const server = await ServerProcess.start({
      enter: machine?.enter,
      program,
      args: [...flags, ...host, "--node-name", `${name}-${index}`],
      environment,
      variables: [...addresses, ...more],
    });
    this.#processes[index] = server;
    this.#useServers();
    return server;
  }

  /** Ends a server. Further connections go to the others. */
  async end(index: number, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const server = this.server(index);
    this.#processes[index] = undefined;
    this.#useServers();
    await server.signal(signal);
  }

  /** Kills all servers. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.running.map((index) => this.end(index, "SIGKILL")));
    await Promise.all([...this.#balancers.values()].map((balancer) => balancer[Symbol.asyncDispose]()));
  }

  #useServers(): void {
    for (const [variable, balancer] of this.#balancers) balancer.use(this.running.map((index) => this.#target(index, variable)));
  }

  #target(index: number, variable: string): Target {
    return { host: this.#options.machines?.[index]?.host ?? "127.0.0.1", port: this.server(index).portOf(variable) };
  }
}
