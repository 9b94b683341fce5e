import { AdapterError } from "../adapter-error.ts";
import { sizeOfJson, writeJsonPayload } from "../internal/json-payload.ts";
import type { OrderedSender } from "../internal/ordered-sender.ts";
import { describeSendFailure } from "../internal/describe-send-failure.ts";
import { callEnvelope, type ServerCall } from "./call.ts";

const INVALID_REQUEST = -32_600;
const INTERNAL_ERROR = -32_603;

/** The result of the official handler: one JSON-RPC response, or a stream of them. */
export type CallResult = object | AsyncGenerator<object, void, undefined>;

interface ServedCallOptions {
  readonly maxMessageBytes: number;
  errorOf(error: unknown): object;
}

/** Sends the answers to one call. After `cancel` it sends nothing. */
export class ServedCall {
  /** Id of the JSON-RPC request; null until it has been read. */
  requestId: unknown = null;
  /** Whether to read the stream to its end after `cancel`. The official handler records the events of a task only while its first stream is read. */
  outlivesCaller = false;
  /** Whether the caller has received the error response. */
  isAnswered = false;
  /** The caller's id of the call. */
  readonly id: string;
  readonly #orderedSender: OrderedSender;
  readonly #options: ServedCallOptions;
  #seq = 0;
  #streaming = false;
  #cancelled = false;
  #stream: AsyncIterator<object> | undefined;

  constructor(id: string, orderedSender: OrderedSender, options: ServedCallOptions) {
    this.id = id;
    this.#orderedSender = orderedSender;
    this.#options = options;
  }

  /** Called when the caller has stopped waiting. */
  cancel(): void {
    this.#cancelled = true;
    // Not awaited: a generator that waits for its next event returns only after that.
    if (!this.outlivesCaller) this.#stream?.return?.().catch(() => {});
  }

  /** Answers with an error and ends the call. */
  async end(error: AdapterError): Promise<void> {
    const closing = this.fail(error);
    this.cancel();
    await closing;
  }

  async answer(answer: CallResult, extensions: () => string[]): Promise<void> {
    if (!isStream(answer)) {
      await this.#send("reply", answer, extensions()).catch((error: unknown) => this.#replace(error, answer));
      return;
    }
    this.#stream = answer[Symbol.asyncIterator]();
    try {
      await this.#forward(this.#stream, extensions);
    } catch (error) {
      if (this.#cancelled) return;
      if (error instanceof UnsentEvent) await this.#replace(error.cause, error.event);
      else await this.fail(error);
      return;
    }
    // Even an empty stream is ended with "end".
    this.#streaming = true;
    await this.#send("end", undefined, extensions());
  }

  reply(value: object): Promise<void> {
    return this.#send("reply", value, []);
  }

  /** Answers with a thrown value as a JSON-RPC error; in a stream, as its last event. */
  async fail(error: unknown): Promise<void> {
    await this.#failWith(this.#errorOf(error));
  }

  async #failWith(error: object): Promise<void> {
    const response = { jsonrpc: "2.0", id: this.requestId, error };
    if (!this.#streaming) {
      await this.#send("reply", response, []);
      return;
    }
    await this.#send("next", response, []);
    await this.#send("end", undefined, []);
  }

  async #forward(stream: AsyncIterator<object>, extensions: () => string[]): Promise<void> {
    for (let result = await stream.next(); result.done !== true; result = await stream.next()) {
      if (this.#cancelled) {
        if (this.outlivesCaller) continue;
        break;
      }
      const wasStreaming = this.#streaming;
      try {
        const payload = this.#encode(result.value);
        this.#streaming = true;
        await this.#post("next", payload, extensions());
      } catch (cause) {
        this.#streaming = wasStreaming;
        throw new UnsentEvent(result.value, cause);
      }
    }
  }

  /** Sends an error response in place of an answer that can't be sent, because the caller waits. */
  async #replace(error: unknown, answer: object): Promise<void> {
    const message = describeSendFailure("The response", sizeOfJson(answer), error);
    await this.#failWith({ code: INTERNAL_ERROR, message });
    this.isAnswered = true;
    throw error;
  }

  async #send(event: ServerCall["event"], value: object | undefined, extensions: string[]): Promise<void> {
    if (this.#cancelled) return;
    await this.#post(event, value === undefined ? new Uint8Array() : this.#encode(value), extensions);
  }

  #encode(value: object): Uint8Array {
    return writeJsonPayload(value, this.#options.maxMessageBytes);
  }

  async #post(event: ServerCall["event"], payload: Uint8Array, extensions: string[]): Promise<void> {
    const call: ServerCall = { call: this.id, role: "server", event, seq: this.#seq++ };
    const first = call.seq === 0 && extensions.length > 0;
    const parameters = first ? { "A2A-Extensions": extensions.join(",") } : {};
    try {
      await this.#orderedSender.send(callEnvelope({ call, parameters }, payload));
    } catch (error) {
      // A failed send keeps its sequence number for the error response.
      this.#seq = call.seq;
      throw error;
    }
  }

  /** Errors of this package have messages without internal details; other errors are converted by the SDK. */
  #errorOf(error: unknown): object {
    if (!(error instanceof AdapterError)) return this.#options.errorOf(error);
    return { code: error.code === "message_invalid" ? INVALID_REQUEST : INTERNAL_ERROR, message: error.reason };
  }
}

/** An event of a stream could not be sent. */
class UnsentEvent extends Error {
  readonly event: object;

  constructor(event: object, cause: unknown) {
    super("An event of a stream could not be sent", { cause });
    this.event = event;
  }
}

function isStream(answer: CallResult): answer is AsyncGenerator<object, void, undefined> {
  return Symbol.asyncIterator in answer;
}
