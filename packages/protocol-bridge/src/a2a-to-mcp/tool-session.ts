import { backoffMs, deferred, sleep } from "@parley/core/internal";
import { isJsonObject, type JsonObject } from "@parley/core";
import { isPeer, partyOf, type ExpectedPeer, type McpAddress, type Sender } from "@parley/envelope-and-adapters/internal";
import { BridgeError } from "../bridge-error.ts";
import {
  errorBytes,
  JSON_RPC_ERRORS,
  notificationBytes,
  requestBytes,
  resultBytes,
  type JsonRpcAnswer,
  type JsonRpcCall,
} from "../formats/mcp-message.ts";
import { readTools, type Tool } from "./tool.ts";

/** The version of MCP that a bridge asks for. Of others it needs nothing that they have not. */
export const MCP_VERSION = "2025-06-18";

const RETRY = { initialMs: 2000, maxMs: 60_000 };
const RENEW = { initialMs: 50, maxMs: 10_000 };
/** Requests without an answer, some five seconds apart in all, after which the server counts as away. */
const SILENT_ATTEMPTS = 3;
const MAX_PAGES = 16;
const MAX_TOOLS = 1024;

/** What a {@link ToolSession} works with. */
export interface ToolSessionOptions extends ExpectedPeer {
  /** Its id: the same after a restart. */
  readonly session: string;
  readonly name: string;
  /** Name of the server to ask for. */
  readonly server: string | undefined;
  /** The only party that may be the server. */
  /** Whether the server's tools must be known. */
  readonly needsTools: boolean;
  readonly signal: AbortSignal;
  /** No server has answered for some seconds. Called once until one has. */
  onWaiting(): void;
  send(address: McpAddress, payload: Uint8Array): void;
}

interface Bond {
  readonly party: string | undefined;
  readonly instance: string;
  readonly server: string | undefined;
}

/**
 * A client's session with an MCP server on a channel, kept up by itself: opened anew when the server ends it, gone on with after a restart
 * of this side. The first party that answers is the server, and nobody else is heard until the session ends.
 */
export class ToolSession {
  readonly #options: ToolSessionOptions;
  /** Tells what this run has asked from what an earlier one has. */
  readonly #run = crypto.randomUUID().slice(0, 8);
  /** Tells what this session has asked from what one before it has. */
  #generation = 0;
  #bond: Bond | undefined;
  #count = 0;
  #failures = 0;
  #opening: AbortController | undefined;
  #ready = deferred<void>();
  #isReady = false;
  #tools: readonly Tool[] = [];
  /** Id of the request for tools whose answer counts: an answer to one before it, or a second one, would list tools twice. */
  #listing: string | undefined;
  #listed: readonly Tool[] = [];
  #pages = 0;

  constructor(options: ToolSessionOptions) {
    this.#options = options;
    options.signal.addEventListener("abort", () => this.#ready.resolve(), { once: true });
  }

  get tools(): readonly Tool[] {
    return this.#tools;
  }

  /** Whether calls can be made. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Where calls of this session go. */
  get address(): McpAddress {
    const { session, server: asked } = this.#options;
    const server = this.#bond?.server ?? asked;
    const base = { session, role: "client", ...(server !== undefined && { server }) } as const;
    return this.#bond === undefined ? { ...base, event: "open" } : { ...base, instance: this.#bond.instance };
  }

  /** Resolves when calls can be made, or the bridge ends. */
  async ready(): Promise<void> {
    while (!this.#isReady && !this.#options.signal.aborted) await this.#ready.promise;
  }

  /** Asks for a session until a server has answered. */
  open(): void {
    this.#opening?.abort();
    this.#opening = new AbortController();
    this.#generation += 1;
    void this.#ask(AbortSignal.any([this.#opening.signal, this.#options.signal]));
  }

  /** Opens the session anew, with whichever server answers. */
  renew(): void {
    if (!this.#isReady && this.#opening?.signal.aborted === false) return;
    this.#failures += 1;
    this.#bond = undefined;
    if (this.#isReady) this.#ready = deferred();
    this.#isReady = false;
    this.open();
  }

  /** A call was answered: the session is in good health. */
  thrive(): void {
    this.#failures = 0;
  }

  /**
   * Whether a message in this session is from its server.
   *
   * @throws BridgeError `sender_mismatch`
   */
  believes({ server, instance = "", event }: McpAddress, sender: Sender, message: JsonRpcAnswer | JsonRpcCall | undefined): boolean {
    const { server: asked } = this.#options;
    if (asked !== undefined && server !== asked) return false;
    if (!isPeer(this.#options, sender)) throw mismatch();
    const party = partyOf(sender);
    const isFirstAnswer = !this.#isReady && message?.kind === "answer" && this.#isOurs(message.id, "open");
    if (this.#bond === undefined || isFirstAnswer) {
      if (event === "close" && this.#bond === undefined) return true;
      this.#bond = { party, instance, server };
      return true;
    }
    if (party === this.#bond.party) return true;
    // A second server that answered the first messages is no impostor.
    if (instance !== this.#bond.instance) return false;
    throw mismatch();
  }

  /** Takes what the server says about the session itself. Gives what to answer. */
  take(message: JsonRpcAnswer | JsonRpcCall): Uint8Array | undefined {
    if (message.kind === "call") return this.#serve(message);
    if (this.#isOurs(message.id, "open")) this.#opened(message);
    else if (message.id !== undefined && message.id === this.#listing) this.#learn(message.result);
    return undefined;
  }

  async #ask(signal: AbortSignal): Promise<void> {
    if (this.#failures > 0) await sleep(backoffMs(this.#failures, RENEW), signal);
    for (let attempt = 1; !signal.aborted; attempt++) {
      const params = { protocolVersion: MCP_VERSION, capabilities: {}, clientInfo: { name: this.#options.name, version: "1.0.0" } };
      this.#request("open", "initialize", params);
      if (attempt === SILENT_ATTEMPTS) this.#options.onWaiting();
      await sleep(backoffMs(attempt, RETRY), signal);
    }
  }

  #opened({ result }: JsonRpcAnswer): void {
    if (this.#isReady || result === undefined) return;
    this.#options.send(this.address, notificationBytes("notifications/initialized", {}));
    const hasTools = isJsonObject(result["capabilities"]) && result["capabilities"]["tools"] !== undefined;
    if (this.#options.needsTools && hasTools) this.#list();
    else this.#settle([]);
  }

  #list(): void {
    this.#listed = [];
    this.#pages = 0;
    this.#listing = this.#request("tools", "tools/list", {});
  }

  #learn(result: JsonObject | undefined): void {
    this.#listing = undefined;
    this.#pages += 1;
    this.#listed = [...this.#listed, ...readTools(result ?? {})].slice(0, MAX_TOOLS);
    const cursor = result?.["nextCursor"];
    if (typeof cursor === "string" && this.#pages < MAX_PAGES) this.#listing = this.#request("tools", "tools/list", { cursor });
    else this.#settle(this.#listed);
  }

  #settle(tools: readonly Tool[]): void {
    this.#tools = tools;
    this.#isReady = true;
    this.#opening?.abort();
    this.#ready.resolve();
  }

  #serve({ id, method }: JsonRpcCall): Uint8Array | undefined {
    if (method === "notifications/tools/list_changed" && this.#isReady && this.#options.needsTools) this.#list();
    if (id === undefined) return undefined;
    return method === "ping" ? resultBytes(id, {}) : errorBytes(id, JSON_RPC_ERRORS.methodNotFound, "The bridge is a client of tools only");
  }

  #request(kind: "open" | "tools", method: string, params: JsonObject): string {
    this.#count += 1;
    const id = `${this.#prefix(kind)}${this.#count}`;
    this.#options.send(this.address, requestBytes(id, method, params));
    return id;
  }

  #isOurs(id: string | number | undefined, kind: "open" | "tools"): boolean {
    return typeof id === "string" && id.startsWith(this.#prefix(kind));
  }

  #prefix(kind: "open" | "tools"): string {
    return `${kind}.${this.#run}.${this.#generation}.`;
  }
}

function mismatch(): BridgeError {
  return new BridgeError("sender_mismatch", "A party that is not the MCP server wrote in the bridge's session");
}
