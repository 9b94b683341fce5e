import { isJsonObject, type JsonObject } from "@parley/core";
import { Protocol, type ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { partyOf } from "@parley/envelope-and-adapters/internal";
import type { BridgeContext } from "./bridge-context.ts";
import type { RoutedEnvelope, TraceDetails } from "./route.ts";
import { IGNORED, LOOPED, type Action } from "./runtime/action.ts";
import type { Consumer } from "./runtime/consumer.ts";
import { keptForm, keptMetadata, neutralMetadata } from "./translate/kept-form.ts";
import { a2aMetadata, translatedEnvelope } from "./translate/translated-envelope.ts";
import type { Translation, Translator } from "./translate/translation.ts";

/** Creates the consumer of a bridge that translates each message of the source and forwards it to the target. */
export function translatingConsumer({ route, toTarget }: BridgeContext, translate: Translator): Consumer {
  const { source, target } = route;
  const handle = (received: ReceivedEnvelope): Action => {
    const inbound = route.readInbound(received, source, target);
    if (inbound === undefined) return LOOPED;
    const { maxMessageBytes, agent } = route.settings;
    const { kept } = inbound.trace;
    const translation = translate(received.envelope, {
      kept,
      origin: inbound.origin,
      newId: route.deriveUuid("message", inbound.key),
      contextId: target.protocol === Protocol.A2A ? route.contextOf(target) : undefined,
      agent,
      session: `slim.${route.deriveId("session", partyOf(received) ?? "")}`,
      maxMessageBytes,
    });
    if (translation === undefined) return IGNORED;
    const { payload } = translation;
    const { contentType, metadata } = targetForm(translation, inbound, target.protocol, agent);
    const bridge = route.traceOf(inbound, traceDetails(translation, inbound));
    const { extraHeaders } = received.envelope;
    const all = { ...neutralMetadata(received.envelope), ...metadata, bridge };
    const envelope = translatedEnvelope(target.protocol, { contentType, payload, metadata: all, extraHeaders });
    return { sends: [{ via: toTarget, envelope, id: inbound.sendId, countAs: "forwarded" }] };
  };
  return { port: source.port, protocol: source.protocol, handle };
}

/** Content type and metadata in the target's protocol; the original ones if the translation restored an earlier form. */
function targetForm(
  translation: Translation,
  { trace }: RoutedEnvelope,
  protocol: Protocol,
  agent: string,
): { contentType: string; metadata: JsonObject } {
  const { contentType, metadata = {}, restored } = translation;
  const created = protocol === Protocol.A2A ? { ...a2aMetadata(agent), ...metadata } : metadata;
  if (restored !== true || trace.kept === undefined) return { contentType, metadata: created };
  const original = keptMetadata(trace.kept);
  const type = trace.kept["contentType"];
  return {
    contentType: typeof type === "string" ? type : contentType,
    metadata: protocol === Protocol.MCP ? { ...original, ...metadata } : protocol === Protocol.A2A && isCall(original) ? created : original,
  };
}

/** Kept metadata of an A2A call is never restored: it would let a sender answer a call in the name of the bridge. */
function isCall({ a2a }: JsonObject): boolean {
  return isJsonObject(a2a) && "call" in a2a;
}

function traceDetails({ restored, message, lost = [] }: Translation, { received, trace }: RoutedEnvelope): TraceDetails {
  if (restored === true) return { lost: [...new Set([...trace.lost, ...lost])] };
  return { kept: keptForm(received.envelope, message), lost };
}
