import type { JsonObject } from "@parley/core";
import type { Envelope } from "@parley/envelope-and-adapters";
import { readMcpAddress, type McpAddress } from "@parley/envelope-and-adapters/internal";
import { contentOf, isJsonType, mediaTypeOf, toBase64 } from "./content.ts";
import { BridgeError } from "../bridge-error.ts";
import { keptMetadata, readKeptForm } from "./kept-form.ts";
import { OWN_SESSION_PREFIX, readMcpMessage } from "../formats/mcp-message.ts";
import { readJson, utf8, writeJson } from "../internal/json.ts";
import type { Translation, TranslationContext } from "./translation.ts";

const LOG = "notifications/message";

/** Translates an MCP message to the same JSON-RPC as a SLIM payload. The address of its session is kept in the trace. */
export function mcpToSlim({ metadata, payload }: Envelope, { kept, maxMessageBytes }: TranslationContext): Translation {
  const address = readMcpAddress({ metadata });
  checkPayload(address, payload, maxMessageBytes);
  const before = readKeptForm(kept, "slim");
  if (before === undefined) return { contentType: "application/json", payload };
  return { contentType: "application/json", payload: payloadOfLog(payload, before) ?? payload, restored: true };
}

/**
 * Translates a SLIM payload to an MCP message: in its original session if it came from MCP. Other JSON-RPC gets a session of its publisher,
 * and all other payloads become log messages (`notifications/message`).
 */
export function slimToMcp({ contentType, payload }: Envelope, { kept, session, maxMessageBytes }: TranslationContext): Translation {
  const before = readKeptForm(kept, "mcp");
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
  const log = writeJson({ jsonrpc: "2.0", method: LOG, params: { level: "info", logger: "slim", data } }, maxMessageBytes);
  return { contentType: "application/json", payload: log, metadata: { mcp: { session, role: "server", instance: "slim" } } };
}

function addressIn(metadata: JsonObject): McpAddress | undefined {
  let address: McpAddress;
  try {
    address = readMcpAddress({ metadata });
  } catch {
    return undefined;
  }
  if (!address.session.startsWith(OWN_SESSION_PREFIX)) return address;
  throw new BridgeError("sender_mismatch", "The message claims to belong to a session of a bridge");
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

/** The original payload of a log message. */
function payloadOfLog(payload: Uint8Array, { contentType }: JsonObject): Uint8Array | undefined {
  const call = readJson(payload) as { readonly method?: unknown; readonly params?: { readonly data?: JsonObject } };
  if (call.method !== LOG) return undefined;
  const { text, json, blob, mimeType } = call.params?.data ?? {};
  if (typeof text === "string") return utf8(text);
  if (json !== undefined) return writeJson(json, Number.POSITIVE_INFINITY);
  return typeof blob === "string" && mimeType === contentType ? Buffer.from(blob, "base64") : undefined;
}
