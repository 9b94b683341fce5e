import type { JsonObject, Message, MessageContext } from "@parley/core";
import type { StandardSchemaV1 } from "@standard-schema/spec";

import type { Mutable } from "./mutable.ts";
import { checkBody } from "./schema.ts";

/** A message that came in: what `request` resolves with. `context` is what the node says about it. */
export interface ReceivedMessage<Body = JsonObject> extends Omit<Message, "body"> {
  /** The payload: as it came, or as the schema made it. */
  readonly body: Body;
  /** The payload as it came. */
  unmarshalBody(this: void): JsonObject;
  /**
   * The payload, checked and typed by a schema of any Standard Schema library (zod, valibot, arktype).
   *
   * @throws BodyError when it does not fit. A handler that lets it through answers with a problem report `e.p.msg.bad-body`.
   */
  unmarshalBody<Schema extends StandardSchemaV1>(this: void, schema: Schema): Promise<StandardSchemaV1.InferOutput<Schema>>;
}

/** A message that came in for a handler. */
export interface InboundMessage<Body = JsonObject> extends ReceivedMessage<Body> {
  /**
   * Tells the node that this message is safe here and need not be delivered again. Needed where the handler was registered with
   * `manualAck`; elsewhere the client does it. May be called once the handler has returned. Further calls do nothing.
   */
  ack(this: void): void;
}

export function createReceived<Body>(message: Message, context: MessageContext | undefined, body: Body): ReceivedMessage<Body> {
  const received: Mutable<ReceivedMessage<Body>> = { ...message, body, unmarshalBody: unmarshal(message) };
  if (context !== undefined) received.context = context;
  return received;
}

export function createInbound<Body>(
  message: Message,
  context: MessageContext | undefined,
  body: Body,
  ack: () => void,
): InboundMessage<Body> {
  const inbound: Mutable<InboundMessage<Body>> = { ...message, body, unmarshalBody: unmarshal(message), ack };
  if (context !== undefined) inbound.context = context;
  return inbound;
}

function unmarshal({ body, id }: Message): ReceivedMessage["unmarshalBody"] {
  function unmarshalBody(): JsonObject;
  function unmarshalBody<Schema extends StandardSchemaV1>(schema: Schema): Promise<StandardSchemaV1.InferOutput<Schema>>;
  function unmarshalBody(schema?: StandardSchemaV1): unknown {
    return schema === undefined ? body : checkBody(schema, body, id);
  }
  return unmarshalBody;
}
