import { AsyncQueue } from "@parley/core/internal";
import { checkAdapterOptions, readPortArguments } from "../internal/arguments.ts";
import { reporterOf } from "../internal/reporter.ts";
import type { EnvelopeChannels, EnvelopePort } from "../port.ts";
import { McpSession, type McpSessionLimits } from "./session.ts";
import { SessionListener, type OpenedSession } from "./session-listener.ts";
import type { SessionTableOptions } from "./session-table.ts";

/** Options of {@link McpChannelServer}. */
export interface McpChannelServerOptions extends McpSessionLimits, SessionTableOptions {
  /**
   * What clients ask for with their option `server`. Needed where a channel has several servers. A server with a name also tells clients
   * of an earlier run that their sessions are gone; without one they find out by a timeout.
   */
  readonly name?: string;
  /**
   * Whether a party may open sessions, by its name and its key. The key is proved; a name may be claimed (see `ReceivedEnvelope`). Default:
   * every member of the channel may. Both are absent where the channel can't tell.
   */
  readonly accepts?: (sender: string | undefined, senderKey: string | undefined) => boolean;
  /** Told of what can't be read, is refused, or belongs to nobody. Must not throw. */
  readonly onError?: (error: Error) => void;
}

/** A session that a client has opened with a {@link McpChannelServer}. */
export interface McpServerSession extends McpSession {
  readonly sessionId: string;
  /** The party at its other end, by the name that it had when it opened the session. */
  readonly sender: string | undefined;
  /** The key of the party at its other end: every message of the session was signed with it. Absent where the channel has no keys. */
  readonly senderKey: string | undefined;
}

const LIMITS = ["maxMessageBytes", "maxBuffered", "maxBufferedBytes", "maxSessions", "maxSessionsPerSender", "idleTimeoutMs"];
const KNOWN = ["name", "accepts", "onError", ...LIMITS];

/**
 * Serves MCP to all members of a channel: `serve` connects a server of its own to each session that a client opens; or iterate it for the
 * sessions.
 *
 * Sessions never mix, and each belongs to the party that opened it. It listens from its creation on, until `close`, or until the
 * iteration is left. The iteration ends when the port ends, and throws when that breaks for good.
 *
 * @example
 * ```ts
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
 * import type { EnvelopePort } from "@parley/envelope-and-adapters";
 * import { McpChannelServer } from "@parley/envelope-and-adapters/mcp";
 *
 * async function serve(port: EnvelopePort): Promise<void> {
 *   for await (const session of new McpChannelServer(port, { name: "greeter" })) {
 *     const server = new McpServer({ name: "greeter", version: "1.0.0" });
 *     server.registerTool("greet", {}, () => ({ content: [{ type: "text", text: `Hello ${session.sender}` }] }));
 *     await server.connect(session);
 *   }
 * }
 * ```
 */
export class McpChannelServer implements AsyncIterable<McpServerSession>, AsyncDisposable {
  readonly #listener: SessionListener;
  readonly #limits: McpSessionLimits;
  readonly #report: (error: unknown) => void;
  readonly #opened = new AsyncQueue<McpServerSession>();

  /**
   * Serves a channel: its port, or an agent's channels and its name.
   *
   * @throws TypeError for wrong arguments or unknown options.
   */
  constructor(channels: Pick<EnvelopeChannels, "open">, channel: string, options?: McpChannelServerOptions);
  constructor(port: EnvelopePort, options?: McpChannelServerOptions);
  constructor(
    of: EnvelopePort | Pick<EnvelopeChannels, "open">,
    channelOrOptions?: string | McpChannelServerOptions,
    channelOptions?: McpChannelServerOptions,
  ) {
    const { port, options = {} } = readPortArguments(of, channelOrOptions, channelOptions);
    checkAdapterOptions(options, KNOWN);
    this.#limits = options;
    this.#report = reporterOf(options.onError);
    this.#listener = new SessionListener(port, options, {
      onSession: (session) => this.#opened.push(new ServerSession(session, this.#limits)),
      onFault: this.#report,
      onEnd: (error) => (error === undefined ? this.#opened.end() : this.#opened.fail(error)),
    });
  }

  /**
   * Connects a server to each session, until this is closed or the channel ends; in place of the iteration. A session that `connect` fails on
   * is closed and reported to `onError`; the others go on.
   *
   * With `serveStdio` of `@modelcontextprotocol/server/stdio` a server speaks MCP 2026-07-28 and all earlier revisions, whichever its client
   * asks for; `server.connect(session)` speaks 2025-11-25 and earlier.
   *
   * @throws what the channel broke with.
   * @example
   * ```ts
   * import { McpServer } from "@modelcontextprotocol/server";
   * import { serveStdio } from "@modelcontextprotocol/server/stdio";
   * import type { EnvelopePort } from "@parley/envelope-and-adapters";
   * import { McpChannelServer } from "@parley/envelope-and-adapters/mcp";
   *
   * async function serve(port: EnvelopePort): Promise<void> {
   *   await new McpChannelServer(port, { name: "greeter" }).serve((session) => {
   *     const factory = () => {
   *       const server = new McpServer({ name: "greeter", version: "1.0.0" });
   *       server.registerTool("greet", {}, () => ({ content: [{ type: "text", text: `Hello ${session.sender}` }] }));
   *       return server;
   *     };
   *     serveStdio(factory, { transport: session });
   *   });
   * }
   * ```
   */
  async serve(connect: (session: McpServerSession) => unknown): Promise<void> {
    if (typeof connect !== "function") throw new TypeError("serve() takes a function that connects a server to a session");
    for await (const session of this) void this.#connect(session, connect);
  }

  async #connect(session: McpServerSession, connect: (session: McpServerSession) => unknown): Promise<void> {
    try {
      await connect(session);
    } catch (error) {
      this.#report(error);
      await session.close();
    }
  }

  /** Iterate once. Leaving the loop closes the server. */
  [Symbol.asyncIterator](): AsyncIterator<McpServerSession, undefined> {
    const opened = this.#opened[Symbol.asyncIterator]();
    return {
      next: () => opened.next(),
      return: async () => {
        await this.close();
        return { done: true, value: undefined };
      },
    };
  }

  /** Ends all sessions, tells their clients, and ends the iteration. Idempotent. */
  async close(): Promise<void> {
    this.#opened.end();
    await this.#listener.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

class ServerSession extends McpSession implements McpServerSession {
  declare readonly sessionId: string;
  readonly sender: string | undefined;
  readonly senderKey: string | undefined;

  constructor(session: OpenedSession, limits: McpSessionLimits) {
    super((sink) => session.connect(sink), limits, session.id);
    this.sender = session.sender;
    this.senderKey = session.senderKey;
  }
}
