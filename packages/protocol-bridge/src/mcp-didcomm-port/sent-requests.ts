import { ChurnMap } from "@parley/core/internal";
import type { McpAddress } from "@parley/envelope-and-adapters/internal";
import { isText } from "../internal/json.ts";

/** Requests that are remembered. Beyond that, the response to the oldest is assigned by its id. */
const MAX_REMEMBERED = 4096;

/** A request that the port has sent to an agent. */
export interface SentRequest {
  /** The agent's DID. */
  readonly to: string;
  readonly session: string;
  /** Id of the JSON-RPC request in its session. */
  readonly id: string | number;
  readonly method: string;
  /** The end of the session that answers. */
  readonly answeredBy: McpAddress["role"];
  /** Name of the server that the client has requested. */
  readonly server: string | undefined;
}

/** The requests that wait for responses, by thread. */
export class SentRequests {
  readonly #byThread = new ChurnMap<string, SentRequest>();

  add(thread: string, request: SentRequest): void {
    this.#byThread.set(thread, request);
    if (this.#byThread.size <= MAX_REMEMBERED) return;
    for (const [oldest] of this.#byThread) return void this.#byThread.delete(oldest);
  }

  get(thread: string | undefined): SentRequest | undefined {
    return thread === undefined ? undefined : this.#byThread.get(thread);
  }

  delete(thread: string): void {
    this.#byThread.delete(thread);
  }
}

/**
 * The id of a request on the wire. Servers repeat it in the response, so a response that arrives after a restart of the bridge still finds its
 * session.
 */
export function wireId(session: string, id: string | number): string {
  return JSON.stringify([session, id]);
}

/** Reads {@link wireId} from a response. */
export function readWireId(wire: unknown): Pick<SentRequest, "session" | "id"> | undefined {
  if (typeof wire !== "string") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(wire);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [session, id] = value as readonly unknown[];
  return isText(session, 128) && session !== "" && (typeof id === "string" || Number.isInteger(id))
    ? { session, id: id as string | number }
    : undefined;
}
