import { Protocol } from "@parley/envelope-and-adapters";
import type { BridgeContext } from "../bridge-context.ts";
import type { A2aMessageJson } from "../formats/a2a-message.ts";
import { requestBytes } from "../formats/mcp-message.ts";
import type { RoutedEnvelope } from "../route.ts";
import type { OutboundEnvelope } from "../runtime/action.ts";
import { isKeepable, keptForm, neutralMetadata } from "../translate/kept-form.ts";
import { translatedEnvelope } from "../translate/translated-envelope.ts";
import { writeCallReference, type CallReference } from "./call-reference.ts";
import type { ToolSession } from "./tool-session.ts";
import { selectTool, type ToolSelection } from "./tool.ts";

/** An A2A message that requests a tool call. */
export interface ToolRequest {
  readonly inbound: RoutedEnvelope;
  readonly message: A2aMessageJson;
  readonly reference: CallReference;
}

/** The tool call to send, or a rejection for the author of the request. */
export type ToolCallResult =
  | { readonly ok: true; readonly outbound: OutboundEnvelope }
  | { readonly ok: false; readonly rejection: string };

/**
 * Creates the tool call that a message requests.
 *
 * @throws BridgeError `message_too_large`
 * @throws what the option `tool` throws
 */
export function createToolCall(
  { route, toTarget }: Pick<BridgeContext, "route" | "toTarget">,
  session: ToolSession,
  { inbound, message, reference }: ToolRequest,
): ToolCallResult {
  const { settings } = route;
  const selection = select(message, session, settings.tool);
  if (!selection.ok) return selection;
  const payload = requestBytes(writeCallReference(reference), "tools/call", { ...selection.call });
  if (payload.length > settings.maxMessageBytes) return { ok: false, rejection: "The arguments are too large." };
  const isKept = isKeepable(message);
  const { envelope: original } = inbound.received;
  // Metadata of an official client's call can contain credentials for the bridge, so it is not forwarded.
  const form = reference.client === undefined ? original : { protocol: original.protocol, contentType: original.contentType };
  const trace = route.traceOf(inbound, { kept: keptForm(form, isKept ? message : undefined), lost: isKept ? [] : ["message"] });
  const metadata = { ...neutralMetadata(original), mcp: { ...session.address }, bridge: trace };
  const envelope = translatedEnvelope(Protocol.MCP, { contentType: "application/json", payload, metadata });
  return { ok: true, outbound: { via: toTarget, envelope, id: inbound.sendId, countAs: "forwarded" } };
}

function select(message: A2aMessageJson, { tools }: ToolSession, wanted: BridgeContext["route"]["settings"]["tool"]): ToolSelection {
  if (typeof wanted !== "function") return selectTool(message, tools, wanted);
  const call = wanted(message);
  return call === undefined ? { ok: false, rejection: "This bridge has no tool for the message." } : { ok: true, call };
}
