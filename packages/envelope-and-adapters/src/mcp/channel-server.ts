import { AsyncQueue } from "@parley/core/internal";
import { checkAdapterOptions, readPortArguments } from "../internal/arguments.ts";
import { errorReporter } from "../internal/error-reporter.ts";
import type { EnvelopeChannels, EnvelopePort } from "../port.ts";
import { McpSession, type McpSessionOptions } from "./session.ts";
import { SessionListener, type OpenedSession } from "./session-listener.ts";
import type { McpServerLimits } from "./session-table.ts";

/** Options of {@link McpChannelServer}. */
export interface McpChannelServerOptions extends McpSessionOptions, McpServerLimits {
  /**
   * The name that clients request with their option `server`. Required if a channel has several servers. After a restart, a server with a name
   * also ends the sessions of its earlier run; without a name, their clients detect that by a timeout.
   */
  readonly name?: string;
  /**
   * Whether a party is allowed to open sessions, by its name and its key. The key is authenticated; a name can be claimed (see
   * `ReceivedEnvelope`). Both are absent if the channel does not know them. Default: all members of the channel.
   */
  readonly accepts?: (sender: string | undefined, senderKey: string | undefined) => boolean;
  /** Called for messages that are malformed or rejected. Must not throw. */
  readonly onError?: (error: Error) => void;
}

/** A session that a client has opened with a {@link McpChannelServer}. */
export interface McpServerSession extends McpSession {
  readonly sessionId: string;
  /** Name of the client when it opened the session. */
  readonly sender: string | undefined;
  /** The authenticated key of the client, the same for all messages of the session. Absent on channels without keys. */
  readonly senderKey: string | undefined;
}

const LIMITS = ["maxMessageBytes", "maxBuffered", "maxBufferedBytes", "maxSessions", "maxSessionsPerSender", "idleTimeoutMs"];
const KNOWN = ["name", "accepts", "onError", "telemetry", ...LIMITS];

/**
 * Serves MCP to all members of a channel. Use `serve` to connect a server to each session that a client opens, or iterate over the sessions.
 *
 * Each session belongs to the party that opened it. The server listens from its creation until `close`, or until the iteration is left. The
 * iteration ends when the port ends, and throws when the port fails permanently.
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
  readonly #limits: McpSessionOptions;
  readonly #report: (error: unknown) => void;
  readonly #opened = new AsyncQueue<McpServerSession>();

  /**
   * Serves a channel, given as its port, or as an agent's channels and its name.
   *
   * @throws TypeError an argument or option is invalid
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
    this.#report = errorReporter(options.onError);
    this.#listener = new SessionListener(port, options, {
      onSession: (session) => this.#opened.push(new ServerSession(session, this.#limits)),
      onFault: this.#report,
      onEnd: (error) => (error === undefined ? this.#opened.end() : this.#opened.fail(error)),
    });
  }

  /**
   * Connects a server to each session, until this is closed or the channel ends. Use it instead of the iteration. If `connect` fails, the session
   * is closed and the error is reported to `onError`; other sessions continue.
   *
   * With `serveStdio` of `@modelcontextprotocol/server/stdio`, a server supports MCP 2026-07-28 and all earlier revisions;
   * `server.connect(session)` supports 2025-11-25 and earlier.
   *
   * @throws the error of the channel, if it fails
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
    if (typeof connect !== "function")
      throw new TypeError("The argument of serve() must be a function that connects a server to a session");
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

  /** Can be iterated once. Leaving the loop closes the server. */
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

  /** Ends all sessions, notifies their clients, and ends the iteration. Idempotent. */
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

  constructor(session: OpenedSession, limits: McpSessionOptions) {
    super((sink) => session.connect(sink), limits, session.id);
    this.sender = session.sender;
    this.senderKey = session.senderKey;
  }
}
