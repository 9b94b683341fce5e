import type { ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { partyOf } from "@parley/envelope-and-adapters/internal";
import { Deadlines } from "../internal/deadlines.ts";
import { MOST_BYTES, PARTY_SHARE, Shares } from "../runtime/per-party-quota.ts";
import type { CallReference } from "./call-reference.ts";
import type { Line, Step, Turn } from "../runtime/pump.ts";

/** Messages that others may go ahead of. A port gives out no more than 1024 that aren't settled: this leaves room for those others. */
const MOST_PASSED = { calls: 768, bytes: MOST_BYTES };
const MOST_PASSED_OF_PARTY = { calls: 256, bytes: PARTY_SHARE.bytes };

/** What a {@link QuestionLine} works with. */
export interface QuestionLineOptions {
  /** Questions that may be under way. */
  readonly maxPending: number;
  readonly timeoutMs: number;
  /** Resolves when questions can be asked, or the bridge ends. */
  ready(): Promise<void>;
  ask(received: ReceivedEnvelope): Step;
  /** Says what is to be done about a message that may not even wait. */
  refuse(received: ReceivedEnvelope): Step;
  /** A question was not answered in time. */
  onLate(reference: CallReference): void;
}

interface Asked {
  readonly reference: CallReference;
  readonly party: string | undefined;
}

/**
 * Messages that wait to be asked, in their order, and questions that wait for answers. Others go ahead of those whose party has as many under
 * way as it may; where too many wait so, the last of them are refused, lest the port give out no more.
 */
export class QuestionLine implements Line {
  readonly #options: QuestionLineOptions;
  readonly #waiting: ReceivedEnvelope[] = [];
  readonly #asked: Deadlines<Asked>;
  readonly #underWay = new Shares({ calls: Number.POSITIVE_INFINITY, bytes: 0 }, { calls: PARTY_SHARE.calls, bytes: 0 });
  #isOver = false;
  #wake: () => void = () => {};

  constructor(options: QuestionLineOptions) {
    this.#options = options;
    this.#asked = new Deadlines(options.timeoutMs, ({ reference, party }) => {
      this.#ended(party);
      options.onLate(reference);
    });
  }

  push(received: ReceivedEnvelope): void {
    this.#waiting.push(received);
    this.#wake();
  }

  async next(): Promise<Turn | undefined> {
    for (;;) {
      await this.#options.ready();
      if (this.#isOver) return undefined;
      const turn = this.#pick();
      if (turn !== undefined) return turn;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** A question was asked: it is under way until it is {@link done}, late or {@link clear}ed. */
  asked(reference: CallReference, party: string | undefined): void {
    if (this.#asked.get(reference.key) !== undefined) return;
    this.#asked.add(reference.key, { reference, party });
    this.#underWay.add(party, 0);
  }

  done({ key }: CallReference): void {
    const asked = this.#asked.take(key);
    if (asked !== undefined) this.#ended(asked.party);
  }

  /** Takes all questions that are under way. */
  clear(): readonly CallReference[] {
    this.#underWay.clear();
    this.#wake();
    return this.#asked.clear().map(({ reference }) => reference);
  }

  /** The bridge is over. */
  stop(): void {
    this.#isOver = true;
    this.clear();
  }

  #pick(): Turn | undefined {
    const { maxPending, ask, refuse } = this.#options;
    const isFull = this.#asked.size >= maxPending;
    const passed = new Shares(MOST_PASSED, MOST_PASSED_OF_PARTY);
    for (const [index, received] of this.#waiting.entries()) {
      const { length } = received.envelope.payload;
      const party = partyOf(received);
      if (this.#underWay.hasRoom(party, 0)) {
        if (!isFull) return this.#turn(index, ask);
      } else if (passed.hasRoom(party, length)) passed.add(party, length);
      else return this.#turn(index, refuse);
    }
    return undefined;
  }

  #turn(index: number, say: Turn["say"]): Turn | undefined {
    const [received] = this.#waiting.splice(index, 1);
    return received === undefined ? undefined : { received, say };
  }

  #ended(party: string | undefined): void {
    this.#underWay.remove(party, 0);
    this.#wake();
  }
}
