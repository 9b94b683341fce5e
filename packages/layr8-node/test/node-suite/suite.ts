import { beforeEach, it, onTestFinished } from "vitest";
import type { Layr8Node } from "../../src/layr8-node.ts";
import type { NodeOptions } from "../../src/options.ts";
import { RawAgent, type RawJoin } from "../raw-agent.ts";

export const ECHO = "https://layr8.io/protocols/echo/1.0";
export const ORDER = "https://layr8.io/protocols/order/1.0";
export const BOB = "did:web:localhost:bob";
export const ALICE = "did:web:localhost:alice";
/** To a recipient that has just hung up: the node may or may not know it yet. */
export const STORED = { status: "ok" };

export function message(id: string, more: object = {}): object {
  return { id, type: `${ECHO}/request`, from: ALICE, to: [BOB], body: { n: 1 }, ...more };
}

/** What the suite runs against. */
export interface NodeEnvironment {
  /** Starts a node. Or several: then the first one of the list looks like all others. Called once in each test. */
  start(options: NodeOptions): Promise<readonly [Layr8Node, ...Layr8Node[]]>;
  /** The reply to a message for an agent that has a connection. */
  readonly ok: object;
  /** Tests that do not hold there, by name, each with the reason. */
  readonly exceptions?: Readonly<Record<string, string>> | undefined;
  /** Runs tests with a table with its first row only. */
  readonly isSample?: boolean | undefined;
}

/** The tests of what agents see of a node. */
export class NodeSuite {
  readonly #environment: NodeEnvironment;
  readonly #unused: Set<string>;
  #nodes: readonly [Layr8Node, ...Layr8Node[]] | undefined;

  constructor(environment: NodeEnvironment) {
    this.#environment = environment;
    this.#unused = new Set(Object.keys(environment.exceptions ?? {}));
    beforeEach(() => {
      this.#nodes = undefined;
    });
  }

  /** Exceptions that are not the name of a test. */
  get unusedExceptions(): readonly string[] {
    return [...this.#unused];
  }

  /** The node of the running test, which has been started. */
  get node(): Layr8Node {
    if (this.#nodes === undefined) throw new Error("The test has not started a node");
    return this.#nodes[0];
  }

  /** Starts the node of the running test. */
  async start(options: NodeOptions = {}): Promise<Layr8Node> {
    this.#nodes = await this.#environment.start(options);
    for (const node of this.#nodes) onTestFinished(() => node.close());
    return this.node;
  }

  /** Joins an agent, at a node without options unless the test has started another one. */
  async agent(join: RawJoin): Promise<RawAgent> {
    const joined = await RawAgent.join(this.#nodes?.[0] ?? (await this.start()), join);
    onTestFinished(() => joined.close());
    return joined;
  }

  /** The reply to a message for an agent that has a connection. */
  get ok(): object {
    return this.#environment.ok;
  }

  /** A value of the metrics, over all nodes. */
  async metric(name: string): Promise<number> {
    const [node, ...parts] = this.#nodes ?? [];
    let sum = 0;
    for (const { metricsUrl } of parts.length > 0 || node === undefined ? parts : [node]) {
      const text = await (await fetch(`${metricsUrl}/metrics`)).text();
      sum += Number(new RegExp(`^layr8_node_${name} (\\d+)`, "m").exec(text)?.[1]);
    }
    return sum;
  }

  it(name: string, test: () => Promise<void>): void {
    const reason = this.#environment.exceptions?.[name];
    this.#unused.delete(name);
    // The caller's test has the assertions.
    // oxlint-disable-next-line vitest/expect-expect
    it.skipIf(reason !== undefined)(reason === undefined ? name : `${name}: ${reason}`, test);
  }

  each<Row extends readonly [unknown, ...unknown[]]>(rows: readonly Row[]): (name: string, test: (...row: Row) => Promise<void>) => void {
    const some = this.#environment.isSample === true ? rows.slice(0, 1) : rows;
    return (name, test) => {
      for (const row of some) this.it(name.replace("%s", String(row[0])), () => test(...row));
    };
  }
}
