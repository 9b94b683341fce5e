import { Protocol } from "@parley/envelope-and-adapters";
import type { A2aMessageJson } from "../formats/a2a-message.ts";
import { isKeepable, keptOf, neutralMetadata } from "../translate/kept-form.ts";
import type { Dispatch } from "../runtime/pump.ts";
import { envelopeOf, type Passage } from "../route.ts";
import type { Site } from "../bridge-context.ts";
import { writeCallReference, type CallReference } from "./call-reference.ts";
import { requestBytes } from "../formats/mcp-message.ts";
import type { ToolSession } from "./tool-session.ts";
import { toolCallOf, type NoToolCall, type ToolCall } from "./tool.ts";

/** A message on its way to a tool. */
export interface Question {
  readonly passage: Passage;
  readonly message: A2aMessageJson;
  readonly reference: CallReference;
}

/**
 * The call of a tool that a message asks for, or why it asks for none.
 *
 * @throws BridgeError `message_too_large`; what the option `tool` throws.
 */
export function toolQuestion(
  { route, toTarget }: Pick<Site, "route" | "toTarget">,
  session: ToolSession,
  { passage, message, reference }: Question,
): Dispatch | NoToolCall {
  const { settings } = route;
  const call = callFor(message, session, settings.tool);
  if ("problem" in call) return call;
  const payload = requestBytes(writeCallReference(reference), "tools/call", { ...call });
  if (payload.length > settings.maxMessageBytes) return { problem: "The arguments are too large." };
  const isKept = isKeepable(message);
  const { envelope: asked } = passage.received;
  // What a client's call says besides its message concerns the bridge alone.
  const form = reference.client === undefined ? asked : { protocol: asked.protocol, contentType: asked.contentType };
  const trace = route.traceOf(passage, { kept: keptOf(form, isKept ? message : undefined), lost: isKept ? [] : ["message"] });
  const metadata = { ...neutralMetadata(asked), mcp: { ...session.address }, bridge: trace };
  const envelope = envelopeOf(Protocol.MCP, { contentType: "application/json", payload, metadata });
  return { outlet: toTarget, envelope, id: passage.sendId, counts: "forwarded" };
}

function callFor(message: A2aMessageJson, { tools }: ToolSession, wanted: Site["route"]["settings"]["tool"]): ToolCall | NoToolCall {
  if (typeof wanted !== "function") return toolCallOf(message, tools, wanted);
  return wanted(message) ?? { problem: "This bridge knows no tool for the message." };
}
