import { isText } from "../internal/json.ts";

const PREFIX = "call.";
const MAX_ID = 512;
const MAX_LENGTH = 32_768;

/** The id of a JSON-RPC request of A2A. */
export type RequestId = string | number | null;

/** The call of an official A2A client that a message arrived in. */
export interface ClientCallReference {
  /** The client's id of the call. */
  readonly call: string;
  readonly request: RequestId;
  /** Whether the client expects a stream. */
  readonly streams: boolean;
}

/** Everything that is needed to answer an A2A message. It is encoded in the id of the tool call, so answers survive a restart. */
export interface CallReference {
  /** Identifies the envelope that the message arrived in. */
  readonly key: string;
  readonly contextId: string;
  readonly messageId: string;
  readonly taskId: string;
  /** Absent for messages that are not sent by an official client. */
  readonly client?: ClientCallReference;
}

/** Encodes a reference as the id of a JSON-RPC request. */
export function writeCallReference({ key, contextId, messageId, taskId, client }: CallReference): string {
  const texts = [key, contextId, messageId, taskId];
  const all = client === undefined ? texts : [...texts, client.call, client.request, client.streams];
  return `${PREFIX}${Buffer.from(JSON.stringify(all)).toString("base64url")}`;
}

/** Decodes the id of a JSON-RPC response. Returns `undefined` if it encodes no reference. */
export function readCallReference(id: string): CallReference | undefined {
  if (!id.startsWith(PREFIX) || id.length > MAX_LENGTH) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(id.slice(PREFIX.length), "base64url").toString());
  } catch {
    return undefined;
  }
  if (!Array.isArray(value) || (value.length !== 4 && value.length !== 7)) return undefined;
  const [key, contextId, messageId, taskId, ...rest] = value as readonly unknown[];
  if (!isText(key, MAX_ID) || !isText(contextId, MAX_ID) || !isText(messageId, MAX_ID) || !isText(taskId, MAX_ID)) return undefined;
  const reference = { key, contextId, messageId, taskId };
  if (rest.length === 0) return reference;
  const [call, request, streams] = rest;
  if (!isText(call, MAX_ID) || !isRequestId(request) || typeof streams !== "boolean") return undefined;
  return { ...reference, client: { call, request, streams } };
}

/** Whether a value is a valid id of an A2A request. */
export function isRequestId(value: unknown): value is RequestId {
  return value === null || isText(value, MAX_ID) || (typeof value === "number" && Number.isInteger(value));
}
