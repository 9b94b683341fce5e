import { errors, type Msg } from "@nats-io/nats-core";
import { isJsonObject, type JsonObject, ParleyError } from "@parley/core";
import { describeThrown } from "@parley/core/internal";
import type { JetstreamConnection } from "./connection.ts";
import { JetstreamError } from "./jetstream-error.ts";

/** Answers calls from other servers. An error that it throws is reported to the caller. */
export type CallHandler = (request: JsonObject) => Promise<JsonObject>;

/**
 * Answers calls of a name until the returned function is called. Each name has one server: include the server's name in it. Resolves once
 * NATS has the subscription: a call made after that is answered. So does the returned function, for the end.
 *
 * @param name tokens of `A-Z a-z 0-9 - _`, joined by dots.
 */
export async function answerCalls(connection: JetstreamConnection, name: string, handler: CallHandler): Promise<() => Promise<void>> {
  const subscription = connection.nc.subscribe(subjectOf(connection, name), {
    callback: (error, message) => {
      if (error === null) void answer(message, handler);
    },
  });
  // Without a connection the subscription is sent with the next one.
  const flush = (): Promise<void> => connection.nc.flush().catch(() => undefined);
  await flush();
  return () => {
    subscription.unsubscribe();
    return flush();
  };
}

/**
 * Calls another server, over NATS without JetStream: nothing is stored.
 *
 * @throws JetstreamError `call_timeout`, `call_unanswered`, `call_failed`
 */
export async function call(connection: JetstreamConnection, name: string, request: JsonObject, timeoutMs: number): Promise<JsonObject> {
  const body = Buffer.from(JSON.stringify(request));
  const reply = await connection.nc.request(subjectOf(connection, name), body, { timeout: timeoutMs }).catch((error: unknown) => {
    throw failureOf(name, error);
  });
  const { result, error } = parse(reply.data) ?? {};
  if (isJsonObject(result)) return result;
  throw new JetstreamError("call_failed", `The call ${name} failed: ${typeof error === "string" ? error : "the answer is malformed"}`);
}

/** Never rejects. */
async function answer(message: Msg, handler: CallHandler): Promise<void> {
  message.respond(Buffer.from(JSON.stringify(await resultOf(message.data, handler))));
}

async function resultOf(data: Uint8Array, handler: CallHandler): Promise<JsonObject> {
  const request = parse(data);
  if (request === undefined) return { error: "the request is not a JSON object" };
  try {
    return { result: await handler(request) };
  } catch (error) {
    return { error: error instanceof ParleyError ? `${error.code}: ${error.message}` : describeThrown(error) };
  }
}

function failureOf(name: string, cause: unknown): JetstreamError {
  const isUnanswered = cause instanceof errors.RequestError && cause.isNoResponders();
  return isUnanswered
    ? new JetstreamError("call_unanswered", `No server answers the call ${name}`, { cause })
    : new JetstreamError("call_timeout", `The call ${name} was not answered in time`, { cause });
}

function parse(data: Uint8Array): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString());
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function subjectOf({ prefix }: JetstreamConnection, name: string): string {
  return `${prefix}.call.${name}`;
}
