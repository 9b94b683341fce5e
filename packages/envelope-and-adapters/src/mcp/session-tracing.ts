import { isJsonObject, type JsonValue, type Telemetry, type TelemetrySpan } from "@parley/core";
import { readTraceContext } from "@parley/core/internal";
import type { ReceivedEnvelope } from "../port.ts";
import type { JsonRpcMessage } from "./json-rpc.ts";

/** Methods that are parts of span names. A peer could choose any number of others. */
const METHODS: ReadonlySet<string> = new Set([
  "initialize",
  "ping",
  "tools/list",
  "tools/call",
  "resources/list",
  "resources/templates/list",
  "resources/read",
  "resources/subscribe",
  "resources/unsubscribe",
  "prompts/list",
  "prompts/get",
  "completion/complete",
  "logging/setLevel",
  "sampling/createMessage",
  "elicitation/create",
  "roots/list",
  "server/discover",
]);
/** Requests without a response whose spans are kept, in each direction. */
const MAX_OPEN = 1024;

type Id = string | number;

/**
 * Reports the requests of one end of an MCP session as spans. A request carries the context of its span in `params._meta`, as `traceparent` and
 * `tracestate`. A context that arrives is its sender's word.
 *
 * @see {@link https://github.com/modelcontextprotocol/modelcontextprotocol/pull/414 | SEP-414}
 */
export class SessionTracing {
  readonly #telemetry: Telemetry;
  readonly #sent = new Map<Id, TelemetrySpan>();
  readonly #received = new Map<Id, TelemetrySpan>();

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry;
  }

  /** Sends a message. @param send gets the message with the context of its span. */
  async send(message: JsonRpcMessage, send: (message: JsonRpcMessage) => Promise<void>): Promise<void> {
    const { id, method } = message;
    if (method === undefined) return this.#respond(message, send);
    if (method === "notifications/cancelled") end(this.#sent, requestIdIn(message), "cancelled");
    if (!isId(id)) return send(message);
    const span = this.#telemetry.start({ name: "request", system: "skytale", ...about(method, id), isRoot: false });
    keep(this.#sent, id, span);
    try {
      await span.run(() => send(withContext(message, span)));
    } catch (error) {
      end(this.#sent, id, "send_failed");
      throw error;
    }
  }

  /** Passes a received message on. A handler runs as a part of the span of its request. */
  receive(message: JsonRpcMessage, { within, sender: from }: Pick<ReceivedEnvelope, "within" | "sender">, pass: () => void): void {
    const { id, method, params, error } = message;
    if (method === undefined) {
      end(this.#sent, id, error === undefined ? undefined : codeOf(error));
      return pass();
    }
    if (method === "notifications/cancelled") end(this.#received, requestIdIn(message), "cancelled");
    if (!isId(id)) return pass();
    const context = readTraceContext(metaOf(params) as JsonValue | undefined);
    const start = (): TelemetrySpan =>
      this.#telemetry.start({
        name: "process",
        system: "skytale",
        ...about(method, id),
        from,
        // A span of the port is trusted as far as its channel is.
        isRoot: within === undefined,
        ...(context && { carried: { context, source: "" } }),
      });
    const span = within === undefined ? start() : within(start);
    keep(this.#received, id, span);
    span.run(pass);
  }

  /** The session has ended. */
  end(): void {
    for (const spans of [this.#sent, this.#received]) for (const id of spans.keys()) end(spans, id, "session_ended");
  }

  async #respond(message: JsonRpcMessage, send: (message: JsonRpcMessage) => Promise<void>): Promise<void> {
    const { id, error } = message;
    try {
      await send(message);
      end(this.#received, id, error === undefined ? undefined : codeOf(error));
    } catch (failure) {
      end(this.#received, id, "send_failed");
      throw failure;
    }
  }
}

function about(method: string, id: Id): { destination: string | undefined; type: string; id: string } {
  return { destination: METHODS.has(method) ? method : undefined, type: method, id: String(id) };
}

function keep(spans: Map<Id, TelemetrySpan>, id: Id, span: TelemetrySpan): void {
  end(spans, id, "replaced");
  spans.set(id, span);
  const [oldest] = spans.keys();
  if (oldest !== undefined && spans.size > MAX_OPEN) end(spans, oldest, "unanswered");
}

function end(spans: Map<Id, TelemetrySpan>, id: unknown, error: string | undefined): void {
  if (!isId(id)) return;
  const span = spans.get(id);
  spans.delete(id);
  span?.end(error === undefined ? {} : { error });
}

function withContext(message: JsonRpcMessage, { traceContext }: TelemetrySpan): JsonRpcMessage {
  if (traceContext === undefined || Array.isArray(message.params)) return message;
  const { tracestate: _tracestate, ...meta } = metaOf(message.params) ?? {};
  return { ...message, params: { ...message.params, _meta: { ...meta, ...traceContext } } };
}

function metaOf(params: object | undefined): Record<string, unknown> | undefined {
  const meta: unknown = params === undefined ? undefined : Reflect.get(params, "_meta");
  return isJsonObject(meta) ? meta : undefined;
}

function requestIdIn({ params }: JsonRpcMessage): unknown {
  return params === undefined ? undefined : Reflect.get(params, "requestId");
}

function codeOf(error: object): string {
  const code: unknown = Reflect.get(error, "code");
  return typeof code === "number" ? String(code) : "error";
}

function isId(id: unknown): id is Id {
  return typeof id === "string" || typeof id === "number";
}
