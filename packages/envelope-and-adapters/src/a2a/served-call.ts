import { AdapterError } from "../adapter-error.ts";
import { sizeOfJson, writeJsonPayload } from "../internal/json-payload.ts";
import type { Outbox } from "../internal/outbox.ts";
import { unsendable } from "../internal/size-refusal.ts";
import { callEnvelope, type ServerCall } from "./call.ts";

const INVALID_REQUEST = -32_600;
const INTERNAL_ERROR = -32_603;

/** What the official handler gives: one JSON-RPC response, or a stream of them. */
export type Answer = object | AsyncGenerator<object, void, undefined>;

interface ServedCallOptions {
  readonly maxMessageBytes: number;
  errorOf(error: unknown): object;
}

/** A call that is being answered. After `cancel` nothing more is sent. */
export class ServedCall {
  /** Id of the JSON-RPC request, once that has been read. */
  requestId: unknown = null;
  /** Whether somebody has to read the stream to its end. The official handler keeps what a task does only while the stream that began it is read. */
  outlivesCaller = false;
  /** The caller has been told of what was thrown. */
  isAnswered = false;
  readonly #id: string;
  readonly #outbox: Outbox;
  readonly #options: ServedCallOptions;
  #seq = 0;
  #streaming = false;
  #cancelled = false;
  #stream: AsyncIterator<object> | undefined;

  constructor(id: string, outbox: Outbox, options: ServedCallOptions) {
    this.#id = id;
    this.#outbox = outbox;
    this.#options = options;
  }

  /** Nobody waits for the answer any more. */
  cancel(): void {
    this.#cancelled = true;
    // A generator that waits for its next event ends only after that, so nobody waits for it.
    if (!this.outlivesCaller) this.#stream?.return?.().catch(() => {});
  }

  /** Answers with an error, and ends whatever goes on. */
  async end(error: AdapterError): Promise<void> {
    const farewell = this.fail(error);
    this.cancel();
    await farewell;
  }

  async answer(answer: Answer, extensions: () => string[]): Promise<void> {
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
    // An empty stream has to be told from none.
    this.#streaming = true;
    await this.#send("end", undefined, extensions());
  }

  reply(value: object): Promise<void> {
    return this.#send("reply", value, []);
  }

  /** Answers with the JSON-RPC error of what was thrown; within a stream, as its last event. */
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

  /** The caller waits: in place of what can't be sent it gets an error that says so. */
  async #replace(error: unknown, answer: object): Promise<void> {
    const message = unsendable("The response", sizeOfJson(answer), error);
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
    const call: ServerCall = { call: this.#id, role: "server", event, seq: this.#seq++ };
    const first = call.seq === 0 && extensions.length > 0;
    const parameters = first ? { "A2A-Extensions": extensions.join(",") } : {};
    try {
      await this.#outbox.send(callEnvelope({ call, parameters }, payload));
    } catch (error) {
      // What has not left is not counted, so that an error can take its place.
      this.#seq = call.seq;
      throw error;
    }
  }

  /** Errors of this package have messages that are fit for a stranger; what others throw is for the SDK to map. */
  #errorOf(error: unknown): object {
    if (!(error instanceof AdapterError)) return this.#options.errorOf(error);
    return { code: error.code === "message_invalid" ? INVALID_REQUEST : INTERNAL_ERROR, message: error.reason };
  }
}

/** One event of a stream could not be sent. */
class UnsentEvent extends Error {
  readonly event: object;

  constructor(event: object, cause: unknown) {
    super("An event of a stream could not be sent", { cause });
    this.event = event;
  }
}

function isStream(answer: Answer): answer is AsyncGenerator<object, void, undefined> {
  return Symbol.asyncIterator in answer;
}
