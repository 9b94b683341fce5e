import type { Access, Principal } from "./access.ts";

type Answer = boolean | Promise<boolean>;

interface Known {
  readonly answer: boolean;
  readonly at: number;
}

/** Channels of one stream about which an answer is kept. */
const MAX_KEPT = 1000;

/** Caches the publish decisions of {@link Access} for a short time, since every batch of messages needs one. */
export class PublishDecisions {
  readonly #access: Access;
  readonly #principal: Principal;
  readonly #keepMs: number;
  readonly #known = new Map<string, Known>();
  readonly #owned = new Map<string, boolean>();

  constructor(access: Access, principal: Principal, keepMs: number) {
    this.#access = access;
    this.#principal = principal;
    this.#keepMs = keepMs;
  }

  mayPublish(channel: string): Answer {
    const known = this.#known.get(channel);
    if (known !== undefined && performance.now() - known.at < this.#keepMs) return known.answer;
    const answer = this.#access.canPublish(this.#principal, channel);
    return typeof answer === "boolean" ? this.#keep(channel, answer) : answer.then((later) => this.#keep(channel, later));
  }

  /** Whether the account owns the channel; cached for each channel. */
  async owns(channel: string): Promise<boolean> {
    if (this.#access.owns === undefined) return true;
    const known = this.#owned.get(channel);
    if (known !== undefined) return known;
    const answer = await this.#access.owns(this.#principal, channel);
    if (this.#owned.size >= MAX_KEPT) this.#owned.clear();
    this.#owned.set(channel, answer);
    return answer;
  }

  #keep(channel: string, answer: boolean): boolean {
    if (this.#known.size >= MAX_KEPT) this.#known.clear();
    this.#known.set(channel, { answer, at: performance.now() });
    return answer;
  }
}
