import { deferred } from "@parley/core/internal";
import { AdapterError } from "../adapter-error.ts";
import { type ExpectedPeer, isPeer } from "../party.ts";
import type { EnvelopePort } from "../port.ts";
import type { McpSessionLimits, SessionSink, SessionConnection } from "./session.ts";
import { SessionListener, type OpenedSession } from "./session-listener.ts";

interface ServerConnectionOptions extends McpSessionLimits, ExpectedPeer {
  readonly server?: string;
}

/** The server's end of a session with one client: the first that connects. */
export class ServerConnection implements SessionConnection {
  readonly #port: EnvelopePort;
  readonly #options: ServerConnectionOptions;
  readonly #sink: SessionSink;
  readonly #client = deferred<SessionConnection>();
  #listener: SessionListener | undefined;

  constructor(port: EnvelopePort, options: ServerConnectionOptions, sink: SessionSink) {
    this.#port = port;
    this.#options = options;
    this.#sink = sink;
    // The rejection can be unhandled if nothing is sent.
    this.#client.promise.catch(() => {});
  }

  open(): void {
    const { server: name, peer, peerKey, ...limits } = this.#options;
    this.#listener = new SessionListener(
      this.#port,
      {
        ...limits,
        ...(name === undefined ? {} : { name }),
        accepts: (sender, senderKey) => isPeer({ peer, peerKey }, { sender, senderKey }),
        maxSessions: 1,
        idleTimeoutMs: Infinity,
      },
      {
        onSession: (opened) => this.#adopt(opened),
        onFault: (error) => this.#sink.fault(error),
        onEnd: (error) => {
          this.#client.reject(error ?? closedWithoutClient());
          this.#sink.end(error);
        },
      },
    );
  }

  async send(payload: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const client = await this.#client.promise;
    await client.send(payload, signal);
  }

  async sendEventually(payload: Uint8Array): Promise<void> {
    const client = await this.#client.promise;
    await client.sendEventually(payload);
  }

  async close(): Promise<void> {
    this.#client.reject(closedWithoutClient());
    await this.#listener?.close();
  }

  #adopt(opened: OpenedSession): void {
    const connection = opened.connect({
      message: (message, bytes, source) => this.#sink.message(message, bytes, source),
      fault: (error) => this.#sink.fault(error),
      end: (error) => {
        this.#sink.end(error);
        void this.#listener?.close();
      },
    });
    this.#client.resolve(connection);
  }
}

function closedWithoutClient(): AdapterError {
  return new AdapterError("closed", "The MCP transport was closed before a client connected");
}
