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

/** A call that waits for its answers, which become a Response as HTTP would have it: JSON, or an event stream. */
export class PendingCall {
  /** The response, once the first answer is there. */
  readonly response: Promise<Response>;
  /** The party that has answered first; others are not heard. */
  party: string | undefined;
  readonly #limits: PendingCallLimits;
  readonly #first = deferred<Response>();
  readonly #onOver: (cancel: boolean) => void;
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  #next = 0;
  #over = false;

  /** `onOver` is called once, when nothing more is expected; `cancel` if the agent does not know that. */
  constructor(limits: PendingCallLimits, onOver: (cancel: boolean) => void) {
    this.#limits = limits;
    this.#onOver = onOver;
    this.response = this.#first.promise;
    // The caller may have been told of an error otherwise.
    this.response.catch(() => {});
  }

  /** Whether no answer has come yet. */
  get isUnanswered(): boolean {
    return this.#next === 0 && !this.#over;
  }

  /** @throws AdapterError `message_invalid`, `message_too_large`: this answer is skipped. */
  answer({ event, seq }: ServerCall, payload: Uint8Array, parameters: ServiceParameters): void {
    if (seq < this.#next) return;
    if (seq > this.#next) {
      this.fail(new AdapterError("overflow", "An answer of the agent was lost"), true);
      return;
    }
    this.#next += 1;
    if (event === "end") this.#finish();
    else this.#take(event, payload, parameters);
  }

  /** Nothing more will come. */
  fail(error: unknown, cancel: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#first.reject(error);
    this.#stream?.error(error);
    this.#onOver(cancel);
  }

  #take(event: "reply" | "next", payload: Uint8Array, parameters: ServiceParameters): void {
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
        cancel: () => this.#abandon(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: this.#limits.maxBufferedBytes }),
    );
    this.#first.resolve(new Response(body, { headers: headersOf(STREAM_TYPE, parameters) }));
    return opened as unknown as ReadableStreamDefaultController<Uint8Array>;
  }

  #abandon(): void {
    if (this.#over) return;
    this.#over = true;
    this.#onOver(true);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    // A stream that ends before its first event.
    this.#first.reject(new AdapterError("message_invalid", "The agent has ended a stream that had not begun"));
    this.#stream?.close();
    this.#onOver(false);
  }
}

function headersOf(contentType: string, parameters: ServiceParameters): Headers {
  const headers = new Headers({ "Content-Type": contentType });
  const extensions = parameters["A2A-Extensions"];
  // Header values are Latin-1 without line ends; URIs are.
  if (extensions !== undefined && /^[\x20-\x7e]*$/.test(extensions)) headers.set("A2A-Extensions", extensions);
  return headers;
}
