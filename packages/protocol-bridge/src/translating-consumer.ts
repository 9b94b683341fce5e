import { isJsonObject, type JsonObject } from "@parley/core";
import { Protocol, type ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { partyOf } from "@parley/envelope-and-adapters/internal";
import { keptMetadata, keptOf, neutralMetadata } from "./translate/kept-form.ts";
import type { Site } from "./bridge-context.ts";
import { NOTHING, type Flow, type Step } from "./runtime/pump.ts";
import { a2aMetadata, envelopeOf, type Passage } from "./route.ts";
import type { Translation, Translator } from "./translate/translation.ts";

/** Forwards each message of the source to the target, in the target's form. */
export function forwarding({ route, toTarget, count }: Site, translate: Translator): Flow {
  const { source, target } = route;
  const handle = (received: ReceivedEnvelope): Step => {
    const passage = route.enter(received, source, target);
    if (passage === undefined) {
      count("looped");
      return NOTHING;
    }
    const { maxMessageBytes, agent } = route.settings;
    const { kept } = passage.trace;
    const translation = translate(received.envelope, {
      kept,
      origin: passage.origin,
      newId: route.uuidOf("message", passage.key),
      contextId: target.protocol === Protocol.A2A ? route.contextOf(target) : undefined,
      agent,
      session: `slim.${route.nameOf("session", partyOf(received) ?? "")}`,
      maxMessageBytes,
    });
    if (translation === undefined) {
      count("ignored");
      return NOTHING;
    }
    const { payload } = translation;
    const { contentType, metadata } = dress(translation, passage, target.protocol, agent);
    const bridge = route.traceOf(passage, traceDetails(translation, passage));
    const { extraHeaders } = received.envelope;
    const all = { ...neutralMetadata(received.envelope), ...metadata, bridge };
    const envelope = envelopeOf(target.protocol, { contentType, payload, metadata: all, extraHeaders });
    return { dispatches: [{ outlet: toTarget, envelope, id: passage.sendId, counts: "forwarded" }] };
  };
  return { port: source.port, protocol: source.protocol, handle };
}

/** Content type and metadata in the target's protocol: as they were, where the message has its earlier form again. */
function dress(
  translation: Translation,
  { trace }: Passage,
  protocol: Protocol,
  agent: string,
): { contentType: string; metadata: JsonObject } {
  const { contentType, metadata = {}, restored } = translation;
  const fresh = protocol === Protocol.A2A ? { ...a2aMetadata(agent), ...metadata } : metadata;
  if (restored !== true || trace.kept === undefined) return { contentType, metadata: fresh };
  const before = keptMetadata(trace.kept);
  const type = trace.kept["contentType"];
  return {
    contentType: typeof type === "string" ? type : contentType,
    metadata: protocol === Protocol.MCP ? { ...before, ...metadata } : protocol === Protocol.A2A && isCall(before) ? fresh : before,
  };
}

/** Nobody answers a call in the bridge's name by having it restore what was kept. */
function isCall({ a2a }: JsonObject): boolean {
  return isJsonObject(a2a) && "call" in a2a;
}

function traceDetails(
  { restored, message, lost = [] }: Translation,
  { received, trace }: Passage,
): { kept?: JsonObject; lost: readonly string[] } {
  if (restored === true) return { lost: [...new Set([...trace.lost, ...lost])] };
  return { kept: keptOf(received.envelope, message), lost };
}
