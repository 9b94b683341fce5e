import { backoffMs, deferred, sleep } from "@parley/core/internal";
import { isJsonObject, type JsonObject } from "@parley/core";
import { isPeer, partyOf, type ExpectedPeer, type McpAddress, type Sender } from "@parley/envelope-and-adapters/internal";
import { BridgeError } from "../bridge-error.ts";
import {
  errorBytes,
  JSON_RPC_ERRORS,
  MCP_VERSION,
  notificationBytes,
  requestBytes,
  resultBytes,
  type JsonRpcAnswer,
  type JsonRpcCall,
} from "../formats/mcp-message.ts";
import { readTools, type Tool } from "./tool.ts";

const OPEN_BACKOFF = { initialMs: 2000, maxMs: 60_000 };
const RENEW_BACKOFF = { initialMs: 50, maxMs: 10_000 };
/** Unanswered attempts to open the session, over about five seconds, after which `onWaiting` is called. */
const ATTEMPTS_BEFORE_WAITING = 3;
const MAX_PAGES = 16;
const MAX_TOOLS = 1024;

/** The reaction of a {@link ToolSession} to a message of its server. */
export interface SessionReaction {
  /** False for messages that the session ignores: late or repeated answers, and notifications that it does not use. */
  readonly isHandled: boolean;
  /** The response to send, if any. */
  readonly response?: Uint8Array;
}

/** The description of a server in its answer to `initialize`. */
export interface ServerInfo {
  readonly capabilities: JsonObject;
  readonly serverInfo?: JsonObject;
  readonly instructions?: string;
}

/** Options of a {@link ToolSession}; `peer` and `peerKey` restrict which party can be the server. */
export interface ToolSessionOptions extends ExpectedPeer {
  /** Id of the session: the same after a restart. */
  readonly session: string;
  readonly name: string;
  /** Name of the server to connect to. */
  readonly server: string | undefined;
  /** Whether to list the server's tools. */
  readonly needsTools: boolean;
  readonly signal: AbortSignal;
  /** Called when no server has answered for some seconds; again only after a new attempt to open the session. */
  onWaiting(): void;
  send(address: McpAddress, payload: Uint8Array): void;
}

interface ServerBinding {
  readonly party: string | undefined;
  readonly instance: string;
  readonly server: string | undefined;
}

/**
 * A client session with an MCP server on a channel. It opens itself again when the server ends it, and resumes after a restart of the bridge.
 * The first party that answers is the server; messages of all others are rejected until the session ends.
 */
export class ToolSession {
  readonly #options: ToolSessionOptions;
  /** Part of request ids: distinguishes requests of this process from those before a restart. */
  readonly #run = crypto.randomUUID().slice(0, 8);
  /** Part of request ids: distinguishes requests of this session from those of earlier ones. */
  #generation = 0;
  #binding: ServerBinding | undefined;
  #requests = 0;
  #failures = 0;
  #opening: AbortController | undefined;
  #ready = deferred<void>();
  #isReady = false;
  #server: ServerInfo = { capabilities: {} };
  #tools: readonly Tool[] = [];
  /** Id of the outstanding `tools/list` request. Other responses are ignored, because they would list tools twice. */
  #listRequest: string | undefined;
  #listedTools: readonly Tool[] = [];
  #pages = 0;

  constructor(options: ToolSessionOptions) {
    this.#options = options;
    options.signal.addEventListener("abort", () => this.#ready.resolve(), { once: true });
  }

  get tools(): readonly Tool[] {
    return this.#tools;
  }

  /** Whether tools can be called. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** The server of the session; without capabilities until it has answered. */
  get server(): ServerInfo {
    return this.#server;
  }

  /** The address for messages to the server. */
  get address(): McpAddress {
    const { session, server: wanted } = this.#options;
    const server = this.#binding?.server ?? wanted;
    const base = { session, role: "client", ...(server !== undefined && { server }) } as const;
    return this.#binding === undefined ? { ...base, event: "open" } : { ...base, instance: this.#binding.instance };
  }

  /** Resolves when tools can be called, or when the bridge ends. */
  async ready(): Promise<void> {
    while (!this.#isReady && !this.#options.signal.aborted) await this.#ready.promise;
  }

  /** Opens the session: sends `initialize` at growing intervals until a server answers. */
  open(): void {
    this.#opening?.abort();
    this.#opening = new AbortController();
    this.#generation += 1;
    void this.#initialize(AbortSignal.any([this.#opening.signal, this.#options.signal]));
  }

  /** Discards the session and opens a new one, with any server. Called when the server ends the session, and after a timeout. */
  renew(): void {
    if (!this.#isReady && this.#opening?.signal.aborted === false) return;
    this.#failures += 1;
    this.#binding = undefined;
    if (this.#isReady) this.#ready = deferred();
    this.#isReady = false;
    this.open();
  }

  /** Resets the backoff of {@link renew}. Called when a tool has answered. */
  resetFailures(): void {
    this.#failures = 0;
  }

  /**
   * Whether a message in this session is from its server. The sender of the first answer becomes the server.
   *
   * @throws BridgeError `sender_mismatch`
   */
  checkSender({ server, instance = "", event }: McpAddress, sender: Sender, message: JsonRpcAnswer | JsonRpcCall | undefined): boolean {
    const { server: wanted } = this.#options;
    if (wanted !== undefined && server !== wanted) return false;
    if (!isPeer(this.#options, sender)) throw senderMismatch();
    const party = partyOf(sender);
    const isFirstAnswer = !this.#isReady && message?.kind === "answer" && this.#hasPrefix(message.id, "open");
    if (this.#binding === undefined || isFirstAnswer) {
      if (event === "close" && this.#binding === undefined) return true;
      this.#binding = { party, instance, server };
      return true;
    }
    if (party === this.#binding.party) return true;
    // Another server can answer `initialize` too. Its messages are ignored rather than rejected.
    if (instance !== this.#binding.instance) return false;
    throw senderMismatch();
  }

  /** Handles a message of the server, except answers to tool calls. */
  handle(message: JsonRpcAnswer | JsonRpcCall): SessionReaction {
    if (message.kind === "call") return this.#handleCall(message);
    if (this.#hasPrefix(message.id, "open")) return { isHandled: this.#handleInitialized(message) };
    if (message.id === undefined || message.id !== this.#listRequest) return { isHandled: false };
    this.#addTools(message.result);
    return { isHandled: true };
  }

  async #initialize(signal: AbortSignal): Promise<void> {
    if (this.#failures > 0) await sleep(backoffMs(this.#failures, RENEW_BACKOFF), signal);
    for (let attempt = 1; !signal.aborted; attempt++) {
      const params = { protocolVersion: MCP_VERSION, capabilities: {}, clientInfo: { name: this.#options.name, version: "1.0.0" } };
      this.#request("open", "initialize", params);
      if (attempt === ATTEMPTS_BEFORE_WAITING) this.#options.onWaiting();
      await sleep(backoffMs(attempt, OPEN_BACKOFF), signal);
    }
  }

  /** Returns false for an answer that changes nothing: an error, or another answer in an open session. */
  #handleInitialized({ result }: JsonRpcAnswer): boolean {
    if (this.#isReady || result === undefined) return false;
    this.#options.send(this.address, notificationBytes("notifications/initialized", {}));
    this.#server = readServerInfo(result);
    if (this.#options.needsTools && this.#server.capabilities["tools"] !== undefined) this.#listTools();
    else this.#becomeReady([]);
    return true;
  }

  #listTools(): void {
    this.#listedTools = [];
    this.#pages = 0;
    this.#listRequest = this.#request("tools", "tools/list", {});
  }

  #addTools(result: JsonObject | undefined): void {
    this.#listRequest = undefined;
    this.#pages += 1;
    this.#listedTools = [...this.#listedTools, ...readTools(result ?? {})].slice(0, MAX_TOOLS);
    const cursor = result?.["nextCursor"];
    if (typeof cursor === "string" && this.#pages < MAX_PAGES) this.#listRequest = this.#request("tools", "tools/list", { cursor });
    else this.#becomeReady(this.#listedTools);
  }

  #becomeReady(tools: readonly Tool[]): void {
    this.#tools = tools;
    this.#isReady = true;
    this.#opening?.abort();
    this.#ready.resolve();
  }

  #handleCall({ id, method }: JsonRpcCall): SessionReaction {
    const listsTools = method === "notifications/tools/list_changed" && this.#isReady && this.#options.needsTools;
    if (listsTools) this.#listTools();
    if (id === undefined) return { isHandled: listsTools };
    const unknown = (): Uint8Array => errorBytes(id, JSON_RPC_ERRORS.methodNotFound, "The bridge is a client of tools only");
    return { isHandled: true, response: method === "ping" ? resultBytes(id, {}) : unknown() };
  }

  #request(kind: "open" | "tools", method: string, params: JsonObject): string {
    this.#requests += 1;
    const id = `${this.#prefix(kind)}${this.#requests}`;
    this.#options.send(this.address, requestBytes(id, method, params));
    return id;
  }

  #hasPrefix(id: string | number | undefined, kind: "open" | "tools"): boolean {
    return typeof id === "string" && id.startsWith(this.#prefix(kind));
  }

  #prefix(kind: "open" | "tools"): string {
    return `${kind}.${this.#run}.${this.#generation}.`;
  }
}

function readServerInfo({ capabilities, serverInfo, instructions }: JsonObject): ServerInfo {
  return {
    capabilities: isJsonObject(capabilities) ? capabilities : {},
    ...(isJsonObject(serverInfo) && { serverInfo }),
    ...(typeof instructions === "string" && { instructions }),
  };
}

function senderMismatch(): BridgeError {
  return new BridgeError("sender_mismatch", "A party that is not the MCP server sent a message in the bridge's session");
}
