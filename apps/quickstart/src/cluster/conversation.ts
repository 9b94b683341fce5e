import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Ledger } from "@parley/test-cluster";
import { SkytaleChannelManager } from "skytale";

const CHANNEL = "acme/team/general";
const AGAIN_AFTER_MS = 100;
const PAUSE_MS = 20;
const JOIN_WITHIN_MS = 120_000;
const RECEIVED_WITHIN_MS = 60_000;

/** Where the agents connect. */
export interface ConversationOptions {
  readonly endpoint: string;
  readonly apiUrl: string;
  readonly apiKey: string;
}

/** Members of an encrypted channel, of which the first sends messages one after the other, and the others receive them. */
export class Conversation implements AsyncDisposable {
  readonly ledger: Ledger = new Ledger();
  readonly #options: ConversationOptions;
  readonly #directory: string;
  readonly #agents: SkytaleChannelManager[] = [];
  readonly #received: string[][] = [];
  readonly #sending = new AbortController();
  readonly #over = new AbortController();
  readonly #running: Promise<void>[] = [];
  #last = "";

  private constructor(options: ConversationOptions, directory: string) {
    this.#options = options;
    this.#directory = directory;
  }

  static async open(options: ConversationOptions): Promise<Conversation> {
    return new Conversation(options, await mkdtemp(join(tmpdir(), "parley-cluster-")));
  }

  get members(): string {
    const members = this.#agents[0]?.members(CHANNEL) ?? [];
    return members.map(({ identity }) => new TextDecoder().decode(identity)).join(", ");
  }

  /** The messages that each member except the sender has received, in its order. Waits until each has the last one. Call {@link stop} before. */
  async receivedByAll(): Promise<readonly (readonly string[])[]> {
    const deadline = performance.now() + RECEIVED_WITHIN_MS;
    while (this.#received.some((texts) => texts.at(-1) !== this.#last) && performance.now() < deadline) await delay(AGAIN_AFTER_MS);
    return this.#received;
  }

  /** Creates the channel. The first member begins to send when another one has joined. */
  async create(name: string): Promise<void> {
    await this.#newAgent(name).create(CHANNEL);
  }

  /** Lets an agent join by an invite of the first member. Resolves when it is a member. */
  async invite(name: string): Promise<void> {
    const [first] = this.#agents;
    if (first === undefined) throw new TypeError("The channel has no member");
    const token = await untilItSucceeds(() => first.invite(CHANNEL));
    const agent = this.#newAgent(name);
    await agent.joinWithToken(CHANNEL, token, { timeoutMs: JOIN_WITHIN_MS });
    const texts: string[] = [];
    this.#received.push(texts);
    this.#running.push(this.#receive(agent, texts, this.#received.length === 1));
    if (this.#received.length === 1) this.#running.push(this.#send(first));
  }

  /** Ends sending. Resolves when the last message is acknowledged. */
  async stop(): Promise<void> {
    this.#sending.abort();
    await this.#running[1];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sending.abort();
    this.#over.abort();
    await Promise.all(this.#running);
    await Promise.all(this.#agents.map((agent) => agent.close()));
    await rm(this.#directory, { recursive: true, force: true });
  }

  #newAgent(identity: string): SkytaleChannelManager {
    const agent = new SkytaleChannelManager({ ...this.#options, identity, dataDir: join(this.#directory, identity) });
    this.#agents.push(agent);
    return agent;
  }

  async #send(agent: SkytaleChannelManager): Promise<void> {
    for (let number = 1; !this.#sending.signal.aborted; number++) {
      const text = `message ${number}`;
      this.ledger.send(text);
      const id = crypto.randomUUID();
      await untilItSucceeds(() => agent.send(CHANNEL, text, { id }));
      this.ledger.acknowledge(text);
      this.#last = text;
      await delay(PAUSE_MS);
    }
  }

  async #receive(agent: SkytaleChannelManager, texts: string[], isCounted: boolean): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      const received = await agent.receive(CHANNEL, { timeoutMs: 1000, signal }).catch(() => []);
      texts.push(...received);
      if (isCounted) for (const text of received) this.ledger.handle(text);
    }
  }
}

/** Repeats a call that fails while a server fails over. */
async function untilItSucceeds<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if ((error as { readonly retryable?: boolean }).retryable !== true) throw error;
      await delay(AGAIN_AFTER_MS);
    }
  }
}
