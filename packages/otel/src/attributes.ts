import { createHash } from "node:crypto";
import { type Attributes, SpanKind } from "@opentelemetry/api";
import type { TelemetryEnd, TelemetryOperation, TelemetryOperationName } from "@parley/core";

/**
 * Kind of the span of each operation, and the type of it in messaging terms.
 *
 * Names and attributes follow OpenTelemetry's semantic conventions 1.45, which are not stable for messaging. They are written out here, because the
 * package with the constants takes 10 MB.
 *
 * @see {@link https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/ | Semantic conventions for messaging spans}
 */
const OPERATIONS: Readonly<
  Record<TelemetryOperationName, { readonly kind: SpanKind; readonly type?: "send" | "receive" | "process" | "settle" }>
> = {
  send: { kind: SpanKind.PRODUCER, type: "send" },
  request: { kind: SpanKind.CLIENT },
  process: { kind: SpanKind.CONSUMER, type: "process" },
  receive: { kind: SpanKind.CONSUMER, type: "receive" },
  accept: { kind: SpanKind.INTERNAL },
  "accept-remote": { kind: SpanKind.SERVER },
  deliver: { kind: SpanKind.INTERNAL },
  settle: { kind: SpanKind.INTERNAL, type: "settle" },
  forward: { kind: SpanKind.CLIENT },
  publish: { kind: SpanKind.SERVER },
  "fan-out": { kind: SpanKind.INTERNAL },
  commit: { kind: SpanKind.INTERNAL },
  join: { kind: SpanKind.INTERNAL },
  translate: { kind: SpanKind.INTERNAL },
};

/** Characters of a text that a peer has chosen. */
const MAX_TEXT = 256;
/** Codes of errors and problems. Anything else, which a peer may have written, is `_OTHER`, as the conventions say. */
const CODE = /^[\w.-]{1,128}$/;

export function spanKindOf({ name }: TelemetryOperation): SpanKind {
  return OPERATIONS[name].kind;
}

/** The operation and its destination. */
export function spanNameOf({ name, destination }: TelemetryOperation): string {
  return destination === undefined ? name : `${name} ${destination.slice(0, MAX_TEXT)}`;
}

/** @param identities whether DIDs and names are written out. */
export function attributesOf(operation: TelemetryOperation, identities: boolean): Attributes {
  const { name, system, destination, channel, type, id, thread, from, to, host, count, size, attempt, sequence, readers } = operation;
  const place = destination ?? channel;
  const operationType = OPERATIONS[name].type;
  const party = identities ? text : hash;
  return {
    "messaging.system.name": system,
    "messaging.operation.name": name,
    ...(operationType !== undefined && { "messaging.operation.type": operationType }),
    ...(place !== undefined && { "messaging.destination.name": text(place) }),
    ...(id !== undefined && { "messaging.message.id": text(id) }),
    ...(thread !== undefined && { "messaging.message.conversation_id": text(thread) }),
    ...(size !== undefined && { "messaging.message.body.size": size }),
    ...(count !== undefined && { "messaging.batch.message_count": count }),
    ...(host !== undefined && { "server.address": text(host) }),
    ...(type !== undefined && { "parley.message.type": text(type) }),
    ...(from !== undefined && { "parley.from": party(from) }),
    ...(to !== undefined && to.length > 0 && { "parley.to": to.slice(0, MAX_PARTIES).map(party) }),
    ...(attempt !== undefined && { "parley.attempt": attempt }),
    ...(sequence !== undefined && { "parley.sequence": sequence }),
    ...(readers !== undefined && { "parley.readers": readers }),
  };
}

/** Recipients of one message that are recorded. */
const MAX_PARTIES = 16;

export function endAttributesOf({ error, outcome, attempts }: TelemetryEnd): Attributes {
  return {
    ...(error !== undefined && { "error.type": CODE.test(error) ? error : "_OTHER" }),
    ...(outcome !== undefined && { "parley.outcome": text(outcome) }),
    ...(attempts !== undefined && { "parley.attempts": attempts }),
  };
}

function text(value: string): string {
  return value.slice(0, MAX_TEXT);
}

/** Not a secret: anyone who knows a DID can compute it. It keeps a list of all partners out of the place where traces are stored. */
function hash(value: string): string {
  return createHash("sha256").update(value).digest("hex").slice(0, 16);
}
