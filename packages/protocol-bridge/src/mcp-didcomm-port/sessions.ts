import { ChurnMap } from "@parley/core/internal";
import { digest } from "../internal/digest.ts";

/** Characters of a session id, see `McpAddress`. */
const MAX_SESSION = 128;
const MAX_LONG = 1024;

/** The sessions of agents that call: an agent has one, whose id is its DID. Long DIDs have a digest instead. */
export class AgentSessions {
  readonly #long = new ChurnMap<string, string>();

  sessionOf(did: string): string {
    if (did.length <= MAX_SESSION) return did;
    const session = `did.${digest("mcp-session", did)}`;
    this.#long.delete(session);
    this.#long.set(session, did);
    if (this.#long.size > MAX_LONG) {
      for (const [oldest] of this.#long) {
        this.#long.delete(oldest);
        break;
      }
    }
    return session;
  }

  /** The agent of a session; `undefined` if the session belongs to none. */
  didOf(session: string): string | undefined {
    return this.#long.get(session) ?? (session.startsWith("did:") ? session : undefined);
  }
}
