import { Envelope, Protocol } from "@parley/envelope-and-adapters";
import type { ReceivedA2aMessage } from "@parley/envelope-and-adapters/a2a";

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text({ payload }: Envelope): string {
  return new TextDecoder().decode(payload);
}

export function json(envelope: Envelope): Record<string, unknown> {
  return JSON.parse(text(envelope)) as Record<string, unknown>;
}

/** An A2A envelope. A message with `parts` gets the other members that A2A requires. */
export function a2a(message: object, metadata: Record<string, never> | object = {}): Envelope {
  const isWhole = !("parts" in message) || ("messageId" in message && "role" in message);
  const whole = isWhole ? message : { messageId: "m", role: "ROLE_USER", ...message };
  return new Envelope(Protocol.A2A, "application/json", bytes(JSON.stringify(whole)), { ...metadata });
}

export function a2aText(content: string, more: object = {}): Envelope {
  return a2a({ messageId: crypto.randomUUID(), contextId: "", role: "ROLE_USER", parts: [{ text: content }], ...more });
}

export function slim(content: string, contentType = "text/plain", metadata: object = {}): Envelope {
  return new Envelope(Protocol.SLIM, contentType, bytes(content), { ...metadata });
}

export function didcomm(message: object): Envelope {
  return new Envelope(Protocol.DIDCOMM, "application/didcomm-plain+json", bytes(JSON.stringify(message)));
}

export function mcp(address: object, message: object): Envelope {
  return new Envelope(Protocol.MCP, "application/json", bytes(JSON.stringify(message)), { mcp: { ...address } });
}

/** The text of a received A2A message's first part. */
export function firstText({ parts }: ReceivedA2aMessage): string {
  const content = parts[0]?.content;
  return content?.$case === "text" ? content.value : "";
}
