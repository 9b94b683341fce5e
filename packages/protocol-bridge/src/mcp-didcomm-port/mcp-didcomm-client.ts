import type { Message, MessageInit } from "@parley/core";
import type { EnvelopePort } from "@parley/envelope-and-adapters";
import type { BridgeError } from "../bridge-error.ts";
import type { DidcommInbound } from "../didcomm-port/didcomm-port.ts";

/** The part of an agent that `mcpDidcommPort` uses; the `Client` of `layr8` or `@parley/didcomm-agent` implements it. */
export interface McpDidcommClient {
  readonly did: string;
  send(message: MessageInit, options?: { readonly signal?: AbortSignal }): Promise<unknown>;
  handleProtocol(
    protocol: string,
    handler: (message: DidcommInbound) => Promise<MessageInit | undefined>,
    options: { readonly manualAck: boolean; readonly reports: (report: Message) => boolean },
  ): void;
}

/** A port that carries MCP over DIDComm. */
export interface McpDidcommPort extends EnvelopePort, AsyncDisposable {
  /** Ends all subscriptions. The node redelivers requests that were not answered. Call it before the agent is closed. */
  close(): Promise<void>;
}

/** The checked options of a port. */
export interface McpDidcommSettings {
  readonly server: string | undefined;
  accepts(sender: string, message: Message): boolean;
  readonly base: string;
  readonly initialize: boolean;
  readonly answerTimeoutMs: number;
  report(error: BridgeError): void;
}
