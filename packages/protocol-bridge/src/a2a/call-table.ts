import type { Deferred } from "@parley/core/internal";
import { Deadlines } from "../internal/deadlines.ts";
import type { CallReference } from "../a2a-to-mcp/call-reference.ts";
import type { Question } from "../a2a-to-mcp/tool-request.ts";
import type { Step } from "../runtime/pump.ts";

/** A question that no server was there for, and what is to be done about it, once that is known. */
export interface WaitingQuestion {
  readonly question: Question;
  readonly step: Deferred<Step>;
}

/** A client's call that is not answered yet. */
export interface ServedCall {
  readonly reference: CallReference;
  /** Whose call it is, and what they call it. */
  readonly name: string;
  readonly party: string | undefined;
  /** Where there was no server to ask yet. The question is not kept longer than that: it may be large. */
  waiting: WaitingQuestion | undefined;
}

/** A client's name for a call means nothing to another's. */
export function nameOfCall(party: string | undefined, call: string): string {
  return JSON.stringify([party, call]);
}

/** The calls that are not answered yet, each for some time at most. */
export class CallTable {
  readonly #names = new Map<string, ServedCall>();
  readonly #deadlines: Deadlines<ServedCall>;

  constructor(timeoutMs: number, onLate: (call: ServedCall) => void) {
    this.#deadlines = new Deadlines(timeoutMs, (call) => {
      this.#names.delete(call.name);
      onLate(call);
    });
  }

  get size(): number {
    return this.#names.size;
  }

  sizeOf(party: string | undefined): number {
    return this.all().filter((call) => call.party === party).length;
  }

  all(): readonly ServedCall[] {
    return [...this.#names.values()];
  }

  find(name: string): ServedCall | undefined {
    return this.#names.get(name);
  }

  add(call: ServedCall): void {
    this.#names.set(call.name, call);
    this.#deadlines.add(call.reference.key, call);
  }

  /** Takes a call out, by the key of its envelope. */
  take(key: string): ServedCall | undefined {
    const call = this.#deadlines.take(key);
    if (call !== undefined) this.#names.delete(call.name);
    return call;
  }

  clear(): readonly ServedCall[] {
    this.#names.clear();
    return this.#deadlines.clear();
  }
}
