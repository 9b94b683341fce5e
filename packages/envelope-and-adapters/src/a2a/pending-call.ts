import { deferred } from "@parley/core/internal";
import { AdapterError } from "../adapter-error.ts";
import { readJsonPayload } from "../internal/json-payload.ts";
import type { ServerCall, ServiceParameters } from "./call.ts";

interface PendingCallLimits {
  readonly maxMessageBytes: number;
  readonly maxBufferedBytes: number;
}

const JSON_TYPE = "application/json";
const STREAM_TYPE = "text/event-stream";

/** A call without its final answer. Its answers are converted to an HTTP `Response`: JSON, or an event stream. */
export class PendingCall {
  /** Resolves with the first answer. */
  readonly response: Promise<Response>;
  /** The party that has answered first. Answers of others are rejected. */
  party: string | undefined;
  readonly #limits: PendingCallLimits;
  readonly #first = deferred<Response>();
  readonly #onEnd: (cancel: boolean) => void;
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  #next = 0;
  #ended = false;

  /** @param onEnd called once when the call ends; `cancel` is true if the agent must be notified */
  constructor(limits: PendingCallLimits, onEnd: (cancel: boolean) => void) {
    this.#limits = limits;
    this.#onEnd = onEnd;
    this.response = this.#first.promise;
    // The rejection can be unhandled, because the call can fail in another way first.
    this.response.catch(() => {});
  }

  /** Whether no answer has arrived yet. */
  get isUnanswered(): boolean {
    return this.#next === 0 && !this.#ended;
  }

  /**
   * Handles an answer. Ignores duplicates.
   *
   * @throws AdapterError `message_invalid`, `message_too_large`, for reporting: the call has failed
   */
  answer({ event, seq }: ServerCall, payload: Uint8Array, parameters: ServiceParameters): void {
    if (seq < this.#next) return;
    if (seq > this.#next) {
      this.fail(new AdapterError("overflow", "An answer of the agent was lost"), true);
      return;
    }
    this.#next += 1;
    if (event === "end") this.#finish();
    else this.#handlePayload(event, payload, parameters);
  }

  /** Ends the call with an error. */
  fail(error: unknown, cancel: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#first.reject(error);
    this.#stream?.error(error);
    this.#onEnd(cancel);
  }

  #handlePayload(event: "reply" | "next", payload: Uint8Array, parameters: ServiceParameters): void {
    let text: string;
    try {
      text = JSON.stringify(readJsonPayload(payload, this.#limits.maxMessageBytes));
    } catch (error) {
      this.fail(error, true);
      throw error;
    }
    if (event === "reply") {
      this.#first.resolve(new Response(text, { headers: headersOf(JSON_TYPE, parameters) }));
      this.#finish();
      return;
    }
    this.#stream ??= this.#openStream(parameters);
    if ((this.#stream.desiredSize ?? 0) <= 0) this.fail(new AdapterError("overflow", "The events of a stream were not read in time"), true);
    else this.#stream.enqueue(new TextEncoder().encode(`data: ${text}\n\n`));
  }

  #openStream(parameters: ServiceParameters): ReadableStreamDefaultController<Uint8Array> {
    let opened: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => void (opened = controller),
        cancel: () => this.#handleStreamCancelled(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: this.#limits.maxBufferedBytes }),
    );
    this.#first.resolve(new Response(body, { headers: headersOf(STREAM_TYPE, parameters) }));
    return opened as unknown as ReadableStreamDefaultController<Uint8Array>;
  }

  #handleStreamCancelled(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd(true);
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    // No effect unless a stream ends before its first event.
    this.#first.reject(new AdapterError("message_invalid", "The agent ended a stream without an event"));
    this.#stream?.close();
    this.#onEnd(false);
  }
}

function headersOf(contentType: string, parameters: ServiceParameters): Headers {
  const headers = new Headers({ "Content-Type": contentType });
  const extensions = parameters["A2A-Extensions"];
  // URIs are printable ASCII, which header values allow.
  if (extensions !== undefined && /^[\x20-\x7e]*$/.test(extensions)) headers.set("A2A-Extensions", extensions);
  return headers;
}
