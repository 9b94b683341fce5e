import type { Envelope, EnvelopePort, Protocol, ReceivedEnvelope } from "@parley/envelope-and-adapters";
import type { BridgeCounters } from "../bridge-counters.ts";
import { BridgeError } from "../bridge-error.ts";
import type { Outlet } from "./retrying-sender.ts";

/** An envelope to send. */
export interface Dispatch {
  readonly outlet: Outlet;
  readonly envelope: Envelope;
  /** Of all dispatches with one id a single one takes effect. */
  readonly id: string | undefined;
  /** What it counts as. Absent: as nothing, such as a handshake. */
  readonly counts?: "forwarded" | "answered";
  /** Called with why the port refuses this for good, for what is sent instead: somebody waits for it. */
  readonly instead?: (error: unknown) => readonly Dispatch[];
}

/** What is to be done about an envelope that arrived. */
export interface Step {
  readonly dispatches: readonly Dispatch[];
  /** The envelope is done with when this has happened too. */
  readonly until?: Promise<unknown>;
  /** Called when all of it has happened, just before the envelope is settled. */
  readonly after?: () => void;
}

/** Nothing is to be done. */
export const NOTHING: Step = { dispatches: [] };

/** An envelope whose turn it is. What `say` throws is the reason to skip it. */
export interface Turn {
  readonly received: ReceivedEnvelope;
  say(received: ReceivedEnvelope): Step;
}

/** Says which of the envelopes that wait is next. */
export interface Line {
  push(received: ReceivedEnvelope): void;
  /** Resolves when one may go; with nothing when the bridge is over. Never rejects. */
  next(): Promise<Turn | undefined>;
}

/** What comes in, and what is to be done about it. */
export interface Flow {
  readonly port: EnvelopePort;
  readonly protocol: Protocol;
  /** Where those wait that are not handled out of turn, while others go on being taken from the port. Absent: each waits for the one before. */
  readonly line?: Line;
  /** Waited for before each envelope, where there is no line. */
  readonly ready?: () => Promise<void>;
  /**
   * Says what is to be done about an envelope that need not wait for those before it; `undefined` for others. What it throws is the reason
   * to skip the envelope.
   */
  outOfTurn?(received: ReceivedEnvelope): Step | Promise<Step> | undefined;
  /** Says what is to be done. What it throws is the reason to skip the envelope. */
  handle(received: ReceivedEnvelope): Step;
}

/** What a {@link Pump} works with. */
export interface PumpOptions {
  readonly signal: AbortSignal;
  /** Of sends with one id, the first counts. */
  count(what: keyof BridgeCounters, id?: string): void;
  report(error: BridgeError): void;
  /** Whether a send failed because the port is at its end, rather than because of the message. */
  isOver(error: unknown): boolean;
}

/** Takes envelopes from a port one after the other, does what is to be done, and settles each when all of it has taken effect. */
export class Pump {
  readonly #flow: Flow;
  readonly #options: PumpOptions;
  readonly #underWay = new Set<Promise<void>>();

  constructor(flow: Flow, options: PumpOptions) {
    this.#flow = flow;
    this.#options = options;
  }

  /** Resolves when the port has ended, or the signal has fired. @throws what broke the port. */
  async run(): Promise<void> {
    const { port, protocol, outOfTurn, line } = this.#flow;
    const { signal, count } = this.#options;
    if (line !== undefined) void this.#serve(line);
    for await (const received of port.receive({ protocol, settle: "manual", signal })) {
      count("received");
      const step = outOfTurn === undefined ? undefined : this.#stepFor(() => this.#flow.outOfTurn?.(received));
      if (step !== undefined) this.#track("then" in step ? this.#performLater(received, step) : this.#perform(received, step));
      // The port gives out no more than its bound before some of it is settled.
      else if (line !== undefined) line.push(received);
      else await this.#inTurn(received);
      if (signal.aborted) return;
    }
  }

  /** Resolves when nothing that was taken is under way any more. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  async #inTurn(received: ReceivedEnvelope): Promise<void> {
    await this.#flow.ready?.();
    if (this.#options.signal.aborted) return;
    await this.#perform(
      received,
      this.#stepFor(() => this.#flow.handle(received)),
    );
  }

  async #serve(line: Line): Promise<void> {
    for (let turn = await line.next(); turn !== undefined; turn = await line.next()) {
      const { received, say } = turn;
      await this.#perform(
        received,
        this.#stepFor(() => say(received)),
      );
    }
  }

  async #performLater(received: ReceivedEnvelope, later: Promise<Step>): Promise<void> {
    const step = await later;
    if (!this.#options.signal.aborted) await this.#perform(received, step);
  }

  async #perform(received: ReceivedEnvelope, step: Step): Promise<void> {
    const sends: Promise<void>[] = [];
    for (const dispatch of step.dispatches) {
      await dispatch.outlet.room();
      const sent = this.#send(dispatch);
      // It may fail while the next one waits for room; whoever waits for all of them hears of it.
      sent.catch(() => {});
      sends.push(sent);
    }
    this.#track(this.#finish(received, Promise.all([...sends, step.until]), step.after));
  }

  #stepFor<S extends Step | Promise<Step> | undefined>(say: () => S): S | Step {
    const { count, report } = this.#options;
    try {
      return say();
    } catch (error) {
      count("refused");
      report(BridgeError.ofMessage(error));
      return NOTHING;
    }
  }

  async #send({ outlet, envelope, id, counts, instead }: Dispatch): Promise<void> {
    const { count, report, isOver } = this.#options;
    try {
      await outlet.send(envelope, id);
      if (counts !== undefined) count(counts, id);
    } catch (error) {
      if (isOver(error)) throw error;
      count("failed");
      report(new BridgeError("not_taken", "A port refused a message for good", { cause: error }));
      for (const dispatch of instead?.(error) ?? []) await this.#send(dispatch);
    }
  }

  async #finish({ settle }: ReceivedEnvelope, done: Promise<unknown>, after: (() => void) | undefined): Promise<void> {
    try {
      await done;
    } catch {
      // The bridge is over, and this message comes again to the next.
      return;
    }
    try {
      after?.();
      await settle?.();
    } catch (cause) {
      this.#options.report(new BridgeError("not_settled", "A message that is done with could not be settled", { cause }));
    }
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }
}
