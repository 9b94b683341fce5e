import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import type { Envelope } from "@parley/envelope-and-adapters";
import { isText, sizeOf } from "../internal/json.ts";

/** Bytes of the kept form. A header has 65536 bytes for everything. */
const MAX_KEPT_BYTES = 16_384;
/** Levels of the kept form. Metadata has at most 32, and the kept form is nested in it. */
const MAX_KEPT_DEPTH = 24;

/** Characters of an envelope's content type. */
const MAX_CONTENT_TYPE = 255;

/** Metadata members that belong to one protocol. They are not forwarded, because they would take effect in another protocol. */
const PROTOCOL_MEMBERS = ["a2a", "A2A-Version", "A2A-Extensions", "mcp"];

/** Whether a value fits the limits of the kept form. */
export function isKeepable(value: JsonValue): boolean {
  return isWithin(value, MAX_KEPT_DEPTH) && sizeOf(value) <= MAX_KEPT_BYTES;
}

/** An envelope without its payload. */
type EnvelopeForm = Pick<Envelope, "protocol" | "contentType"> & Partial<Pick<Envelope, "metadata">>;

/** The form of an envelope before a translation, for the trace: it allows a later bridge to undo the translation. */
export function keptForm({ protocol, contentType, metadata = {} }: EnvelopeForm, message: JsonValue | undefined): JsonObject {
  const own = pick(metadata, (name) => PROTOCOL_MEMBERS.includes(name));
  return {
    protocol,
    contentType,
    ...(Object.keys(own).length > 0 && { metadata: own }),
    ...(message !== undefined && { message }),
  };
}

/** The kept form, if it is valid and of the given protocol. The sender controls it, so callers validate its members. */
export function readKeptForm(kept: JsonObject | undefined, protocol: string): JsonObject | undefined {
  const type = kept?.["contentType"];
  return kept?.["protocol"] === protocol && isText(type, MAX_CONTENT_TYPE) && type !== "" ? kept : undefined;
}

/** Metadata that belongs to no protocol, such as a trace id. It is forwarded with the message. */
export function neutralMetadata({ metadata = {} }: Envelope): JsonObject {
  return pick(metadata, (name) => name !== "bridge" && !PROTOCOL_MEMBERS.includes(name));
}

/** The protocol's own metadata in a kept form. */
export function keptMetadata(kept: JsonObject): JsonObject {
  const metadata = kept["metadata"];
  return isJsonObject(metadata) ? pick(metadata, (name) => PROTOCOL_MEMBERS.includes(name)) : {};
}

function pick(object: JsonObject, isWanted: (name: string) => boolean): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => isWanted(name)));
}

/** Also checks that numbers are finite: `JSON.parse` reads 1e999 as Infinity. */
function isWithin(value: JsonValue | undefined, depth: number): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((member: JsonValue | undefined) => isWithin(member, depth - 1));
}
