import type { JsonObject, Message, MessageContext } from "@parley/core";
import type { StandardSchemaV1 } from "@standard-schema/spec";

import { constructBody, type BodyClass } from "./construct-body.ts";
import { checkBody, requireSchema } from "./schema.ts";

/** A received message, as `request` resolves with. `context` is the node's information about it. */
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
  /**
   * The payload as an instance of a class; its members are not checked. A constructor with parameters gets the body. Otherwise the
   * instance gets the body's members, except those that the class has as methods or accessors.
   */
  unmarshalBody<Instance extends object>(this: void, construct: BodyClass<Instance>): Instance;
}

/** A message that came in for a handler. */
export interface InboundMessage<Body = JsonObject> extends ReceivedMessage<Body> {
  /**
   * Acknowledges the message: the application has stored it, and the node does not deliver it again. Needed where the handler was
   * registered with `manualAck`; elsewhere the client does it. May be called once the handler has returned. Further calls do nothing.
   */
  ack(this: void): void;
}

// Object.assign below: members added to the copy that a spread makes cost many times as much.

export function createReceived<Body>(message: Message, context: MessageContext | undefined, body: Body): ReceivedMessage<Body> {
  return Object.assign({ unmarshalBody: unmarshal(message) }, message, known(context), { body });
}

export function createInbound<Body>(
  message: Message,
  context: MessageContext | undefined,
  body: Body,
  ack: () => void,
): InboundMessage<Body> {
  return Object.assign({ unmarshalBody: unmarshal(message), ack }, message, known(context), { body });
}

function known(context: MessageContext | undefined): { readonly context?: MessageContext } {
  return context === undefined ? {} : { context };
}

function unmarshal({ body, id }: Message): ReceivedMessage["unmarshalBody"] {
  function unmarshalBody(): JsonObject;
  function unmarshalBody<Schema extends StandardSchemaV1>(schema: Schema): Promise<StandardSchemaV1.InferOutput<Schema>>;
  function unmarshalBody<Instance extends object>(construct: BodyClass<Instance>): Instance;
  function unmarshalBody(target?: StandardSchemaV1 | BodyClass<object>): unknown {
    if (target === undefined) return body;
    if (typeof target === "function" && !("~standard" in target)) return constructBody(target, body);
    requireSchema(target as StandardSchemaV1);
    return checkBody(target as StandardSchemaV1, body, id);
  }
  return unmarshalBody;
}
