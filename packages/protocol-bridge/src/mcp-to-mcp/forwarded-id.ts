import { isText } from "../internal/json.ts";

const PREFIX = "forward.";
const MAX_KEY = 64;
const MAX_SESSION = 128;

/** The request of a client that the bridge has forwarded with an id of its own. */
export interface ForwardedRequest {
  /** Identifies the envelope that the request arrived in. */
  readonly key: string;
  readonly session: string;
  readonly id: string | number;
  /** The client's token for progress notifications. The bridge uses its own id as the token. */
  readonly progressToken?: string | number;
}

/** Encodes a request as an id, so that its answer finds its session also after a restart. */
export function writeForwardedId({ key, session, id, progressToken }: ForwardedRequest): string {
  return `${PREFIX}${JSON.stringify(progressToken === undefined ? [key, session, id] : [key, session, id, progressToken])}`;
}

/** Decodes an id; `undefined` for other ids than those of {@link writeForwardedId}. */
export function readForwardedId(forwarded: unknown): ForwardedRequest | undefined {
  if (typeof forwarded !== "string" || !forwarded.startsWith(PREFIX)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(forwarded.slice(PREFIX.length));
  } catch {
    return undefined;
  }
  if (!Array.isArray(value) || value.length < 3 || value.length > 4) return undefined;
  const [key, session, id, progressToken] = value as readonly unknown[];
  if (!isText(key, MAX_KEY) || !isText(session, MAX_SESSION) || session === "" || !isId(id)) return undefined;
  if (value.length === 3) return { key, session, id };
  return isId(progressToken) ? { key, session, id, progressToken } : undefined;
}

function isId(value: unknown): value is string | number {
  return typeof value === "string" || Number.isInteger(value);
}
