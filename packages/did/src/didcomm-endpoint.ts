import type { JsonObject, JsonValue } from "@parley/core";
import { isJsonArray } from "@parley/core/internal";
import type { DidDocument } from "./did-document.ts";

/** An endpoint that accepts DIDComm messages for a DID. */
export interface DidcommEndpoint {
  /** A URL (`http:`, `https:`, `ws:`, `wss:`), or the DID of a mediator. Its address is not checked. */
  readonly uri: string;
  /** Media profiles such as `didcomm/v2`; empty if the document does not list any. */
  readonly accept: readonly string[];
  /** Keys to encrypt forward messages for, outermost first. */
  readonly routingKeys: readonly string[];
}

/** Most entries of `accept` and of `routingKeys`. Each routing key adds a layer of encryption. */
const MAX_ENTRIES = 16;
const MAX_URI_LENGTH = 2048;
const SCHEMES: ReadonlySet<string> = new Set(["https:", "http:", "wss:", "ws:", "did:"]);

/**
 * The endpoints of all DIDCommMessaging services of a document, in its order of preference. Invalid endpoints are omitted, and so are those
 * with more than 16 routing keys or media profiles.
 *
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#service-endpoint | DIDComm v2.1, Service Endpoint}
 */
export function didcommEndpoints(document: DidDocument): readonly DidcommEndpoint[] {
  return document.service
    .filter(({ type }) => (typeof type === "string" ? type === "DIDCommMessaging" : type.includes("DIDCommMessaging")))
    .flatMap(({ serviceEndpoint }): readonly (string | JsonObject)[] => (isList(serviceEndpoint) ? serviceEndpoint : [serviceEndpoint]))
    .flatMap((endpoint) => readEndpoint(typeof endpoint === "string" ? { uri: endpoint } : endpoint) ?? []);
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}

function readEndpoint({ uri, accept, routingKeys }: JsonObject): DidcommEndpoint | undefined {
  const endpoint = { accept: readTexts(accept), routingKeys: readTexts(routingKeys) };
  if (typeof uri !== "string" || uri.length > MAX_URI_LENGTH || endpoint.accept === undefined || endpoint.routingKeys === undefined)
    return undefined;
  if (!URL.canParse(uri) || !SCHEMES.has(new URL(uri).protocol)) return undefined;
  return { uri, accept: endpoint.accept, routingKeys: endpoint.routingKeys };
}

function readTexts(value: JsonValue | undefined): readonly string[] | undefined {
  if (value === undefined) return [];
  return isJsonArray(value) && value.length <= MAX_ENTRIES && value.every((entry) => typeof entry === "string") ? value : undefined;
}
