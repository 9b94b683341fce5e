import { randomUUID } from "node:crypto";
import type { JsonObject } from "@parley/core";
import { describeThrown } from "@parley/core/internal";
import type { Client, ReceivedMessage } from "layr8";

/** How messages are answered. */
export type AnswerMode = "nothing" | "echo" | "body";

/** What a {@link TryAgent} does. */
export interface TryAgentOptions {
  /** Message types that it handles; none: all. */
  readonly types: readonly string[];
  readonly answer: AnswerMode;
  /** Body of the answers, with `answer: "body"`. */
  readonly body: JsonObject;
}

/** A message that a {@link TryAgent} received. */
export interface TriedMessage {
  /** Ascending from 1. */
  readonly seq: number;
  /** When it arrived, in milliseconds since 1970. */
  readonly time: number;
  readonly id: string;
  readonly type: string;
  readonly from?: string | undefined;
  readonly thread: string;
  /** JSON; cut off if `isCut`. */
  readonly body: string;
  readonly isCut: boolean;
  /** The answer, once the node has accepted or rejected it. */
  readonly answer?:
    | { readonly type: string; readonly body: string; readonly ms: number; readonly problem?: string | undefined }
    | undefined;
}

const MAX_KEPT = 200;
const MAX_BODY = 16 * 1024;

/** An agent of the console: it acknowledges what it receives, answers it if wanted, and keeps the latest messages for the page. */
export class TryAgent {
  /** Names it in calls of the page. */
  readonly id: string = randomUUID();
  readonly #client: Client;
  readonly #options: TryAgentOptions;
  readonly #messages = new Map<number, TriedMessage>();
  readonly #watchers = new Set<() => void>();
  #lastSeq = 0;
  /** Ascends with each change. */
  #version = 0;

  /** @param client not connected yet. */
  constructor(client: Client, options: TryAgentOptions) {
    this.#client = client;
    this.#options = options;
    const handle = (message: ReceivedMessage): Promise<void> => this.#take(message);
    if (options.types.length === 0) client.handleAll(handle);
    for (const type of new Set(options.types)) client.handle(type, handle);
  }

  get did(): string {
    return this.#client.did;
  }

  async connect(signal: AbortSignal): Promise<void> {
    await this.#client.connect({ signal });
  }

  /** The latest messages, newest first, and a version to ask with next time. */
  state(): { readonly version: number; readonly isConnected: boolean; readonly messages: readonly TriedMessage[] } {
    return { version: this.#version, isConnected: this.#client.connected, messages: [...this.#messages.values()].toReversed() };
  }

  /** Resolves when something has changed since a version, or when the signal aborts. */
  async changed(since: number, signal: AbortSignal): Promise<void> {
    if (this.#version !== since || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        this.#watchers.delete(end);
        signal.removeEventListener("abort", end);
        resolve();
      };
      this.#watchers.add(end);
      signal.addEventListener("abort", end);
    });
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #take(message: ReceivedMessage): Promise<void> {
    const start = performance.now();
    const { id, type, from, threadId = id } = message;
    const body = JSON.stringify(message.body);
    const seq = ++this.#lastSeq;
    const shown: TriedMessage = { seq, time: Date.now(), id, type, from, thread: threadId, ...cut(body) };
    this.#keep(shown);
    const { answer, body: given } = this.#options;
    // Two agents that answer answers would never end.
    const beginsThread = threadId === id;
    if (answer === "nothing" || from === undefined || from === this.#client.did || !beginsThread) return;
    const response = { type: type.replace(/[^/]*$/, "response"), to: from, threadId, body: answer === "echo" ? message.body : given };
    let problem: string | undefined;
    try {
      await this.#client.send(response);
    } catch (error) {
      problem = describeThrown(error);
    }
    const ms = performance.now() - start;
    this.#keep({ ...shown, answer: { type: response.type, body: cut(JSON.stringify(response.body)).body, ms, problem } });
  }

  #keep(message: TriedMessage): void {
    this.#messages.set(message.seq, message);
    for (const seq of this.#messages.keys()) {
      if (this.#messages.size <= MAX_KEPT) break;
      this.#messages.delete(seq);
    }
    this.#version += 1;
    for (const watcher of this.#watchers) watcher();
  }
}

function cut(text: string): { readonly body: string; readonly isCut: boolean } {
  return { body: text.slice(0, MAX_BODY), isCut: text.length > MAX_BODY };
}
