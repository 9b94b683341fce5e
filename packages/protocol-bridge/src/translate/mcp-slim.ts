import type { JsonObject } from "@parley/core";
import type { Envelope } from "@parley/envelope-and-adapters";
import { readMcpAddress, type McpAddress } from "@parley/envelope-and-adapters/internal";
import { contentOf, isJsonType, mediaTypeOf, toBase64 } from "./content.ts";
import { BridgeError } from "../bridge-error.ts";
import { keptMetadata, readKept } from "./kept-form.ts";
import { OWN_SESSION } from "../formats/own-session.ts";
import { notificationBytes, readMcpMessage } from "../formats/mcp-message.ts";
import { readJson, utf8, writeJson } from "../internal/json.ts";
import type { Translation, TranslationContext } from "./translation.ts";

const LOG = "notifications/message";

/** An MCP message as a SLIM payload: the same JSON-RPC; the address of its session is kept. */
export function mcpToSlim({ metadata, payload }: Envelope, { kept, maxMessageBytes }: TranslationContext): Translation {
  const address = readMcpAddress({ metadata });
  checkPayload(address, payload, maxMessageBytes);
  const before = readKept(kept, "slim");
  if (before === undefined) return { contentType: "application/json", payload };
  return { contentType: "application/json", payload: logged(payload, before) ?? payload, restored: true };
}

/**
 * A SLIM payload as an MCP message: in its session again if it had one; JSON-RPC without one in a session of its publisher; anything else
 * as a log message (`notifications/message`).
 */
export function slimToMcp({ contentType, payload }: Envelope, { kept, session, maxMessageBytes }: TranslationContext): Translation {
  const before = readKept(kept, "mcp");
  const address = before === undefined ? undefined : addressIn(keptMetadata(before));
  if (address !== undefined) {
    checkPayload(address, payload, maxMessageBytes);
    return { contentType: "application/json", payload, metadata: { mcp: { ...address } }, restored: true };
  }
  if (isJsonRpc(contentType, payload, maxMessageBytes)) {
    const metadata = { mcp: { session, role: "client", event: "open" } };
    return { contentType: "application/json", payload, metadata };
  }
  const content = contentOf(contentType, payload);
  const data: JsonObject =
    content.form === "bytes"
      ? { blob: toBase64(content.bytes), mimeType: contentType }
      : { [content.form]: content.form === "text" ? content.text : content.json };
  const log = notificationBytes(LOG, { level: "info", logger: "slim", data });
  if (log.length > maxMessageBytes) throw new BridgeError("message_too_large", `The translated message exceeds ${maxMessageBytes} bytes`);
  return { contentType: "application/json", payload: log, metadata: { mcp: { session, role: "server", instance: "slim" } } };
}

function addressIn(metadata: JsonObject): McpAddress | undefined {
  let address: McpAddress;
  try {
    address = readMcpAddress({ metadata });
  } catch {
    return undefined;
  }
  if (!address.session.startsWith(OWN_SESSION)) return address;
  throw new BridgeError("sender_mismatch", "A message claims to belong to a session of the bridge itself");
}

function checkPayload({ event }: McpAddress, payload: Uint8Array, maxBytes: number): void {
  if (event !== "close" || payload.length > 0) readMcpMessage(payload, maxBytes);
}

function isJsonRpc(contentType: string, payload: Uint8Array, maxBytes: number): boolean {
  if (!isJsonType(mediaTypeOf(contentType))) return false;
  try {
    readMcpMessage(payload, maxBytes);
    return true;
  } catch {
    return false;
  }
}

/** The payload that a log message was made of. */
function logged(payload: Uint8Array, { contentType }: JsonObject): Uint8Array | undefined {
  const call = readJson(payload) as { readonly method?: unknown; readonly params?: { readonly data?: JsonObject } };
  if (call.method !== LOG) return undefined;
  const { text, json, blob, mimeType } = call.params?.data ?? {};
  if (typeof text === "string") return utf8(text);
  if (json !== undefined) return writeJson(json, Number.POSITIVE_INFINITY);
  return typeof blob === "string" && mimeType === contentType ? Buffer.from(blob, "base64") : undefined;
}
