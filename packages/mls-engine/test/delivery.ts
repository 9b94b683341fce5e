import type { GroupStore, MlsEngine, MlsGroup, ProcessedMessage, StageOptions } from "../src/index.ts";
import { MlsEngineError } from "../src/index.ts";
import { fromUtf8, GROUP_ID, newEngine, utf8 } from "./world.ts";

interface Entry {
  readonly bytes: Uint8Array;
  readonly from: string;
  readonly isCommit: boolean;
}

/** Orders a group's messages: the first commit of an epoch is taken, later ones of the same epoch are not. */
export class Delivery {
  readonly log: Entry[] = [];
  readonly #mail = new Map<string, { welcome: Uint8Array; position: number }>();
  #epoch = 0n;

  publish(from: string, bytes: Uint8Array): void {
    this.log.push({ bytes, from, isCommit: false });
  }

  /** Whether a commit was the first of its epoch. */
  offer(from: string, epoch: bigint, commit: Uint8Array, welcome: Uint8Array | undefined, invited: readonly string[]): boolean {
    if (epoch !== this.#epoch) return false;
    this.#epoch++;
    this.log.push({ bytes: commit, from, isCommit: true });
    for (const name of invited) if (welcome) this.#mail.set(name, { welcome, position: this.log.length });
    return true;
  }

  mailFor(name: string): { welcome: Uint8Array; position: number } | undefined {
    return this.#mail.get(name);
  }

  includes(bytes: Uint8Array): boolean {
    return this.log.some((entry) => Buffer.compare(entry.bytes, bytes) === 0);
  }
}

/** One member's process: engine, group and a cursor in the log that is stored with each step. */
export class Agent {
  readonly name: string;
  readonly #delivery: Delivery;
  readonly #open: () => GroupStore;
  #engine: MlsEngine | undefined;
  #group: MlsGroup | undefined;
  #sent = 0;

  constructor(name: string, delivery: Delivery, open: () => GroupStore) {
    this.name = name;
    this.#delivery = delivery;
    this.#open = open;
  }

  get group(): MlsGroup {
    if (!this.#group) throw new TypeError("It is in no group yet");
    return this.#group;
  }

  get isMember(): boolean {
    return this.#group?.isActive ?? false;
  }

  async start(): Promise<void> {
    this.#engine = await newEngine(this.name, { store: this.#open() });
  }

  async found(): Promise<void> {
    this.#group = await this.engine.createGroup(GROUP_ID);
    await this.#group.writeRows([{ key: "cursor", value: utf8("0") }]);
  }

  get engine(): MlsEngine {
    if (!this.#engine) throw new TypeError("It isn't running");
    return this.#engine;
  }

  /** Takes the Welcome that waits, if there is one and it is not a member yet. */
  async join(): Promise<void> {
    const mail = this.#delivery.mailFor(this.name);
    if (!mail || this.#group) return;
    this.#group = await this.engine.joinGroup(mail.welcome);
  }

  async send(): Promise<void> {
    const text = `${this.name} ${this.#sent++}`;
    this.#delivery.publish(this.name, await this.group.encrypt(utf8(text)));
  }

  async commit(options: StageOptions, invited: readonly string[]): Promise<boolean> {
    if (this.group.pending) return false;
    const staged = await this.group.stage(options);
    const isTaken = this.#delivery.offer(this.name, staged.epoch, staged.commit, staged.welcome, invited);
    if (!isTaken) await staged.discard();
    return isTaken;
  }

  /** Processes some of what is new in the log, with what it says stored in the same step. */
  async pull(count = Number.POSITIVE_INFINITY): Promise<ProcessedMessage[]> {
    const results: ProcessedMessage[] = [];
    while (this.isMember && results.length < count) {
      const at = this.#cursor();
      const entry = this.#delivery.log[at];
      if (!entry) break;
      const result = await this.#take(entry.bytes, at);
      if (result) results.push(result);
    }
    return results;
  }

  /** Restarts after the process ended. The log decides whether a staged commit was accepted. */
  async restart(): Promise<void> {
    this.#group = undefined;
    await this.start();
    try {
      this.#group = await this.engine.loadGroup(GROUP_ID);
    } catch (error) {
      if (!(error instanceof MlsEngineError) || (error.code !== "no_such_group" && error.code !== "removed")) throw error;
      return;
    }
    const { pending } = this.#group;
    if (pending && !this.#delivery.includes(pending.commit)) await pending.discard();
  }

  /** The application messages that were read, by their place in the log. */
  readTexts(): string[] {
    return this.group.rowKeys("text/").map((key) => `${key} ${fromUtf8(this.group.row(key) ?? new Uint8Array())}`);
  }

  async #take(bytes: Uint8Array, at: number): Promise<ProcessedMessage | undefined> {
    const cursor = { key: "cursor", value: utf8(String(at + 1)) };
    try {
      return await this.group.process(bytes, {
        commitWith: (result) => (result.kind === "application" ? [cursor, { key: `text/${at}`, value: result.data }] : [cursor]),
      });
    } catch (error) {
      const known = error instanceof MlsEngineError && ["own_message", "epoch_mismatch"].includes(error.code);
      if (!known) throw error;
      await this.group.writeRows([cursor]);
      return undefined;
    }
  }

  #cursor(): number {
    const stored = this.group.row("cursor");
    return stored ? Number(fromUtf8(stored)) : (this.#delivery.mailFor(this.name)?.position ?? 0);
  }
}
