import { isText } from "../internal/json.ts";

const PREFIX = "call.";
const MAX_ID = 512;
const MAX_LENGTH = 32_768;

/** The id of a JSON-RPC request of A2A. */
export type RequestId = string | number | null;

/** The call of an official A2A client that a message came in. */
export interface CallOfClient {
  /** The client's name for the call. */
  readonly call: string;
  readonly request: RequestId;
  /** Whether the answer is a stream. */
  readonly streams: boolean;
}

/** What must be known to answer an A2A message. */
export interface CallReference {
  /** Names the envelope that the message came in. */
  readonly key: string;
  readonly contextId: string;
  readonly messageId: string;
  readonly taskId: string;
  /** Absent for messages of contexts. */
  readonly client?: CallOfClient;
}

/** The id of a JSON-RPC request that says by itself what its answer belongs to. */
export function writeCallReference({ key, contextId, messageId, taskId, client }: CallReference): string {
  const texts = [key, contextId, messageId, taskId];
  const all = client === undefined ? texts : [...texts, client.call, client.request, client.streams];
  return `${PREFIX}${Buffer.from(JSON.stringify(all)).toString("base64url")}`;
}

/** `undefined` if the id is none of those. */
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

/** Whether a value may be the id of a request of A2A. */
export function isRequestId(value: unknown): value is RequestId {
  return value === null || isText(value, MAX_ID) || (typeof value === "number" && Number.isInteger(value));
}
