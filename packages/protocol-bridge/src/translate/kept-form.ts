import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import type { Envelope } from "@parley/envelope-and-adapters";
import { isText, sizeOf } from "../internal/json.ts";

/** Bytes that may travel in metadata to undo a translation: a header has 65536 for all that it says. */
const MAX_KEPT_BYTES = 16_384;
/** Metadata may have 32 levels, of which the way to what is kept takes some. */
const MAX_KEPT_DEPTH = 24;

/** Characters of a content type, as envelopes have it. */
const MAX_CONTENT_TYPE = 255;

/** Members of metadata that mean something to one of the protocols, and must not mean it in another. */
const MEANINGFUL = ["a2a", "A2A-Version", "A2A-Extensions", "mcp"];

/** Whether a value may travel in metadata to undo a translation. */
export function isKeepable(value: JsonValue): boolean {
  return isWithin(value, MAX_KEPT_DEPTH) && sizeOf(value) <= MAX_KEPT_BYTES;
}

/** What an envelope has besides its message. */
type KeptForm = Pick<Envelope, "protocol" | "contentType"> & Partial<Pick<Envelope, "metadata">>;

/** What is kept of an envelope whose message takes another form. */
export function keptOf({ protocol, contentType, metadata = {} }: KeptForm, message: JsonValue | undefined): JsonObject {
  const own = pick(metadata, (name) => MEANINGFUL.includes(name));
  return {
    protocol,
    contentType,
    ...(Object.keys(own).length > 0 && { metadata: own }),
    ...(message !== undefined && { message }),
  };
}

/** What a kept record says of the envelope that it was made of, if it was one of this protocol. */
export function readKept(kept: JsonObject | undefined, protocol: string): JsonObject | undefined {
  const type = kept?.["contentType"];
  return kept?.["protocol"] === protocol && isText(type, MAX_CONTENT_TYPE) && type !== "" ? kept : undefined;
}

/** Metadata that concerns no protocol, such as a trace id: it goes on with the message. */
export function neutralMetadata({ metadata = {} }: Envelope): JsonObject {
  return pick(metadata, (name) => name !== "bridge" && !MEANINGFUL.includes(name));
}

/** The metadata of its protocol that a kept record holds. */
export function keptMetadata(kept: JsonObject): JsonObject {
  const metadata = kept["metadata"];
  return isJsonObject(metadata) ? pick(metadata, (name) => MEANINGFUL.includes(name)) : {};
}

function pick(object: JsonObject, isWanted: (name: string) => boolean): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => isWanted(name)));
}

/** JSON text can hold numbers that JSON has not, such as 1e999. */
function isWithin(value: JsonValue | undefined, depth: number): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((member: JsonValue | undefined) => isWithin(member, depth - 1));
}
