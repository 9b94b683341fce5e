import { RelayClient } from "@parley/skytale-relay";
import { Ledger } from "../src/index.ts";

/** Clients that publish to channels one message after the other, and books of the numbers under which they were acknowledged. */
export class RelayLoad implements AsyncDisposable {
  readonly ledger = new Ledger();
  readonly #options: RelayLoadOptions;
  readonly #texts: ReadonlyMap<string, Map<number, string>>;
  readonly #clients: RelayClient[] = [];
  #isOver = false;
  #publishing: Promise<unknown> = Promise.resolve();

  private constructor(options: RelayLoadOptions) {
    this.#options = options;
    this.#texts = new Map(options.channels.map((channel) => [channel, new Map<number, string>()]));
  }

  /** Creates the channels, and begins to publish. */
  static async start(options: RelayLoadOptions): Promise<RelayLoad> {
    const load = new RelayLoad(options);
    for (const name of options.channels) await load.#call("/v1/channels", { name });
    load.#publishing = Promise.all(Array.from({ length: options.writers }, (_, writer) => load.#publish(writer)));
    return load;
  }

  /** Ends publishing. Resolves when the last messages are acknowledged. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#publishing;
  }

  /** Reads every channel by way of two connections, enters all messages into the ledger, and compares numbers. */
  async check(): Promise<{ readonly moved: number; readonly different: number }> {
    let [moved, different] = [0, 0];
    for (const [channel, acknowledged] of this.#texts) {
      const [texts, others] = await Promise.all([this.#readAll(channel), this.#readAll(channel)]);
      for (const [index, text] of texts.entries()) {
        this.ledger.handle(text);
        if (others[index] !== text) different++;
      }
      for (const [sequence, text] of acknowledged) if (texts[sequence - 1] !== text) moved++;
    }
    return { moved, different };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  async #publish(writer: number): Promise<void> {
    const client = this.#newClient();
    const { channels } = this.#options;
    for (let number = 0; !this.#isOver; number++) {
      const channel = channels[(writer + number) % channels.length] ?? "";
      const text = `${writer} ${number}`;
      this.ledger.send(text);
      const { sequence } = await client.publish(channel, { kind: "application", epoch: 1n, payload: Buffer.from(text) });
      const texts = this.#texts.get(channel);
      if (texts?.has(sequence) === true) throw new Error(`${text} was acknowledged with the number ${sequence} of ${texts.get(sequence)}`);
      texts?.set(sequence, text);
      this.ledger.acknowledge(text);
    }
  }

  #newClient(): RelayClient {
    const limits = { initialBackoffMs: 50, maxBackoffMs: 500 };
    const token = async (): Promise<string> => String((await this.#call("/v1/tokens", { audience: ["skytale-relay"] }))["token"]);
    const client = new RelayClient({ url: this.#options.relayUrl, token, limits });
    this.#clients.push(client);
    return client;
  }

  async #readAll(channel: string): Promise<readonly string[]> {
    const client = this.#newClient();
    const [head] = await client.heads([channel]);
    const texts: string[] = [];
    for await (const { payload } of client.subscribe(channel, { from: 1 })) {
      texts.push(Buffer.from(payload).toString());
      if (texts.length >= (head?.next ?? 1) - 1) break;
    }
    return texts;
  }

  async #call(path: string, body: object): Promise<Record<string, unknown>> {
    const { apiUrl, apiKey } = this.#options;
    const headers = { authorization: `Bearer ${apiKey}`, "content-type": "application/json" };
    const response = await fetch(`${apiUrl}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  }
}

/** Options of {@link RelayLoad.start}. */
export interface RelayLoadOptions {
  readonly apiUrl: string;
  readonly apiKey: string;
  readonly relayUrl: string;
  readonly channels: readonly string[];
  readonly writers: number;
}
