import { isText } from "../internal/json.ts";

const PREFIX = "call.";
const MAX_ID = 512;
const MAX_LENGTH = 16_384;

/** What must be known to answer an A2A message. */
export interface CallReference {
  /** Names the envelope that the message came in. */
  readonly key: string;
  readonly contextId: string;
  readonly messageId: string;
  readonly taskId: string;
}

/** The id of a JSON-RPC request that says by itself what its answer belongs to. */
export function writeCallReference({ key, contextId, messageId, taskId }: CallReference): string {
  return `${PREFIX}${Buffer.from(JSON.stringify([key, contextId, messageId, taskId])).toString("base64url")}`;
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
  if (!Array.isArray(value) || value.length !== 4 || !value.every((each): each is string => isText(each, MAX_ID))) return undefined;
  const [key = "", contextId = "", messageId = "", taskId = ""] = value;
  return { key, contextId, messageId, taskId };
}
