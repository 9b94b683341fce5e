import { randomBytes } from "node:crypto";
import { RelayClient } from "@parley/skytale-relay";
import { describeUnless, gateOrSoak, randomFrom, SEED } from "@parley/test-assertions";
import { LoadBalancer, missingNats, startNats, type NatsServer, type NatsServers } from "@parley/test-nats";
import { JetstreamConnection } from "@parley/jetstream";
import { expect, it, onTestFinished } from "vitest";
import { ApiClient } from "../api/api-client.ts";
import { startCommand, type RunningCommand } from "../cli/command.ts";

const CHANNELS = ["acme/team/a", "acme/team/b"];
const WRITERS = 6;
/** Publishes to acknowledge before, during and after each fault. */
const BETWEEN = gateOrSoak(40, 1000);
const TIMEOUT_MS = gateOrSoak(600_000, 3_600_000);
/** How long a stopped process stays so, in milliseconds: longer than an election takes. */
const PAUSE_MS = 12_000;

type Fault = "kill the leader" | "kill a relay" | "pause the leader" | "kill all" | "restart one after the other" | "stop a relay";
const FAULTS: readonly Fault[] = [
  "kill the leader",
  "kill a relay",
  "pause the leader",
  "kill all",
  "restart one after the other",
  "stop a relay",
];
const random = randomFrom(SEED);
const faults: readonly Fault[] =
  gateOrSoak(0, 1) === 0 ? ["kill the leader", "kill a relay"] : [...FAULTS, ...FAULTS].toSorted(() => random(3) - 1);

/** Two processes of the server on three NATS servers, with load balancers in front. */
class Cluster {
  readonly nats: NatsServers;
  readonly api: LoadBalancer;
  readonly relay: LoadBalancer;
  readonly connection: JetstreamConnection;
  apiKey = "";
  readonly #args: readonly string[];
  readonly #processes: (RunningCommand | undefined)[] = [undefined, undefined];

  private constructor(nats: NatsServers, [api, relay]: readonly [LoadBalancer, LoadBalancer], connection: JetstreamConnection) {
    this.nats = nats;
    this.api = api;
    this.relay = relay;
    this.connection = connection;
    this.#args = ["--port", "0", "--relay-port", "0", "--nats", nats.urls.join(","), "--nats-replicas", "3", "--log", "fatal"];
  }

  static async start(): Promise<Cluster> {
    process.env["SKYTALE_SERVER_KEY"] = randomBytes(32).toString("base64");
    const nats = await startNats({ count: 3 });
    onTestFinished(() => nats.stop());
    const connection = await JetstreamConnection.connect({ servers: nats.urls, prefix: "ps", replicas: 3 });
    onTestFinished(() => connection.close());
    const balancers = [await LoadBalancer.start([]), await LoadBalancer.start([])] as const;
    onTestFinished(async () => void (await Promise.all(balancers.map((balancer) => balancer[Symbol.asyncDispose]()))));
    const cluster = new Cluster(nats, balancers, connection);
    onTestFinished(async () => void (await Promise.all(cluster.#processes.map((one) => one?.stop("SIGKILL") ?? Promise.resolve()))));
    await cluster.startRelay(0);
    await cluster.startRelay(1);
    return cluster;
  }

  async startRelay(index: number): Promise<void> {
    // The first one creates an account, and prints its key.
    const names = ["SKYTALE_API_URL", "SKYTALE_RELAY", ...(this.apiKey === "" ? ["SKYTALE_API_KEY"] : [])];
    const command = await startCommand([...this.#args, "--node-name", `relay-${index}`], names);
    this.#processes[index] = command;
    this.apiKey = command.printed["SKYTALE_API_KEY"] ?? this.apiKey;
    this.#useRelays();
  }

  async endRelay(index: number, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const command = this.#processes[index];
    this.#processes[index] = undefined;
    this.#useRelays();
    await command?.stop(signal);
  }

  /** The leader of the stream of one of the channels. */
  async leader(): Promise<NatsServer> {
    for (;;) {
      const { cluster } = await this.connection.retry("PS_LOG_0", () => this.connection.jsm.streams.info(`PS_LOG_${random(16)}`));
      const leader = this.nats.servers.find(({ name }) => name === cluster?.leader);
      if (leader !== undefined) return leader;
    }
  }

  #useRelays(): void {
    const portsOf = (variable: string): number[] =>
      this.#processes.flatMap((one) => (one === undefined ? [] : Number(new URL(one.printed[variable] ?? "").port)));
    this.api.use(portsOf("SKYTALE_API_URL"));
    this.relay.use(portsOf("SKYTALE_RELAY"));
  }
}

/** Publishes again and again, and keeps books of what was acknowledged. */
class Load {
  /** Texts by channel and number. */
  readonly acknowledged = new Map(CHANNELS.map((channel) => [channel, new Map<number, string>()]));
  readonly sent = new Set<string>();
  /** Texts that were acknowledged under a number that another one had. */
  readonly twiceAt: string[] = [];
  count = 0;
  isOver = false;

  async run(client: RelayClient, writer: number): Promise<void> {
    for (let number = 0; !this.isOver; number++) {
      const channel = CHANNELS[(writer + number) % CHANNELS.length] ?? "";
      const text = `${writer} ${number}`;
      this.sent.add(text);
      const { sequence } = await client.publish(channel, { kind: "application", epoch: 1n, payload: Buffer.from(text) });
      const numbers = this.acknowledged.get(channel);
      if (numbers?.has(sequence) === true) this.twiceAt.push(text);
      numbers?.set(sequence, text);
      this.count++;
    }
  }

  async more(count: number): Promise<void> {
    const goal = this.count + count;
    await expect.poll(() => this.count, { timeout: TIMEOUT_MS }).toBeGreaterThanOrEqual(goal);
  }
}

async function cause(fault: Fault, cluster: Cluster, load: Load): Promise<void> {
  if (fault === "kill a relay" || fault === "stop a relay") {
    const index = random(2);
    await cluster.endRelay(index, fault === "kill a relay" ? "SIGKILL" : "SIGTERM");
    await load.more(BETWEEN);
    return cluster.startRelay(index);
  }
  if (fault === "kill all") {
    await Promise.all(cluster.nats.servers.map((server) => server.signal("SIGKILL")));
    await Promise.all(cluster.nats.servers.map((server) => server.start()));
    return;
  }
  if (fault === "restart one after the other") {
    for (const server of cluster.nats.servers) {
      await server.signal("SIGTERM");
      await server.start();
      await load.more(BETWEEN);
    }
    return;
  }
  const leader = await cluster.leader();
  if (fault === "pause the leader") {
    await leader.signal("SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    return leader.signal("SIGCONT");
  }
  await leader.signal("SIGKILL");
  await load.more(BETWEEN);
  await leader.start();
}

describeUnless(missingNats(3), "two relays on three NATS servers", () => {
  it(`lose, repeat and move no acknowledged message: ${faults.join(", ")} (seed ${SEED})`, { timeout: TIMEOUT_MS }, async () => {
    const cluster = await Cluster.start();
    const api = new ApiClient(`http://127.0.0.1:${cluster.api.port}`, cluster.apiKey);
    for (const name of CHANNELS) expect((await api.post("/v1/channels", { name })).status).toBe(201);
    const token = async (): Promise<string> => {
      const { status, body } = await api.post("/v1/tokens", { audience: ["skytale-relay"] });
      if (status !== 200) throw new Error(`no token: ${JSON.stringify(body)}`);
      return String(body["token"]);
    };
    const newClient = (): RelayClient => {
      const limits = { initialBackoffMs: 50, maxBackoffMs: 500 };
      const client = new RelayClient({ url: `http://127.0.0.1:${cluster.relay.port}`, token, limits });
      onTestFinished(() => client.close());
      return client;
    };
    const load = new Load();
    const writing = Promise.all(Array.from({ length: WRITERS }, (_, writer) => load.run(newClient(), writer)));
    await load.more(BETWEEN);
    for (const fault of faults) {
      await cause(fault, cluster, load);
      await load.more(BETWEEN);
    }
    load.isOver = true;
    await writing;

    for (const channel of CHANNELS) {
      const acknowledged = load.acknowledged.get(channel) ?? new Map<number, string>();
      // Each reader is connected to another relay.
      const [texts, others] = await Promise.all([readAll(newClient(), channel), readAll(newClient(), channel)]);
      expect(texts).toEqual(others);
      const moved = [...acknowledged].filter(([sequence, text]) => texts[sequence - 1] !== text);
      const lost = moved.filter(([, text]) => !texts.includes(text));
      expect({ lost: lost.length, moved: moved.length - lost.length, twice: texts.length - new Set(texts).size }).toEqual({
        lost: 0,
        moved: 0,
        twice: 0,
      });
      expect(texts.filter((text) => !load.sent.has(text))).toEqual([]);
    }
    expect(load.twiceAt).toEqual([]);
    process.stdout.write(`${load.count} acknowledged, none lost, repeated or moved\n`);
  });
});

async function readAll(client: RelayClient, channel: string): Promise<readonly string[]> {
  const [head] = await client.heads([channel]);
  const texts: string[] = [];
  for await (const { payload } of client.subscribe(channel, { from: 1 })) {
    texts.push(Buffer.from(payload).toString());
    if (texts.length >= (head?.next ?? 1) - 1) break;
  }
  return texts;
}
