import { isJsonObject, type JsonObject } from "@parley/core";
import { AdapterError } from "../adapter-error.ts";
import { Envelope } from "../envelope.ts";
import { Protocol } from "../protocol.ts";

const MAX_LENGTH = 512;
const EVENTS = {
  client: ["request", "card", "cancel"],
  server: ["reply", "next", "end"],
} as const;

interface CallBase {
  /** Chosen by the client; tells calls on one channel apart. */
  readonly call: string;
}

/** A client's part of a call: the member `a2a` of its envelopes' metadata. */
export interface ClientCall extends CallBase {
  readonly role: "client";
  /** `"request"`: the payload is a JSON-RPC request. `"card"`: asks for the agent's card. `"cancel"`: nobody waits any more. */
  readonly event: "request" | "card" | "cancel";
  /** URL of the agent's interface. */
  readonly agent: string;
}

/** A server's part of a call. */
export interface ServerCall extends CallBase {
  readonly role: "server";
  /** `"reply"`: the only answer. `"next"`: one event of a stream. `"end"`: the stream has ended; the payload is empty. */
  readonly event: "reply" | "next" | "end";
  /** Counts the answers to this call from 0, so that one that was sent twice is read once. */
  readonly seq: number;
}

/** What HTTP has as headers: `A2A-Version`, `A2A-Extensions`, and others by their names. */
export type ServiceParameters = Readonly<Record<string, string>>;

/** An envelope that is part of a call. */
export interface CallEnvelope {
  readonly call: ClientCall | ServerCall;
  readonly parameters: ServiceParameters;
}

/** The parameters that stand at the top of the metadata, under these names. Names are compared without regard to case. */
const TOP_LEVEL = ["A2A-Version", "A2A-Extensions"];

/** `others`: what else its metadata says. */
export function callEnvelope({ call, parameters }: CallEnvelope, payload: Uint8Array, others: JsonObject = {}): Envelope {
  const more = { ...parameters };
  const metadata: Record<string, JsonObject[string]> = { ...others };
  for (const name of Object.keys(parameters)) {
    const known = TOP_LEVEL.find((top) => top.toLowerCase() === name.toLowerCase());
    if (known === undefined) continue;
    metadata[known] = parameters[name];
    delete more[name];
  }
  metadata["a2a"] = { ...call, ...(Object.keys(more).length === 0 ? {} : { parameters: more }) };
  return new Envelope(Protocol.A2A, "application/json", payload, metadata);
}

/**
 * What an A2A envelope says about the call that it belongs to; `undefined` if it belongs to none.
 *
 * @throws AdapterError `message_invalid`.
 */
export function readCallEnvelope({ metadata = {} }: Envelope): CallEnvelope | undefined {
  const a2a = metadata["a2a"];
  if (!isJsonObject(a2a) || !("call" in a2a)) return undefined;
  if (!isText(a2a["call"]) || a2a["call"] === "") throw invalid("has no call id");
  const call = a2a["role"] === "server" ? readServerCall(a2a) : readClientCall(a2a);
  const parameters: Record<string, string> = {};
  const given = isJsonObject(a2a["parameters"]) ? Object.entries(a2a["parameters"]) : [];
  for (const [name, value] of [...given, ...TOP_LEVEL.map((top) => [top, metadata[top]] as const)]) {
    if (value === undefined) continue;
    if (typeof value !== "string") throw invalid("has a parameter that is no string");
    // Names such as `__proto__` are not taken over.
    if (/^[\w-]+$/.test(name) && !(name in Object.prototype)) parameters[name] = value;
  }
  return { call, parameters };
}

function readClientCall({ call, role, event, agent }: JsonObject): ClientCall {
  if (role !== "client") throw invalid("has no role");
  const known = EVENTS.client.find((name) => name === event);
  if (known === undefined) throw invalid("has an unknown event");
  if (!isText(agent)) throw invalid("names no agent");
  return { call: call as string, role, event: known, agent };
}

function readServerCall({ call, event, seq }: JsonObject): ServerCall {
  const known = EVENTS.server.find((name) => name === event);
  if (known === undefined) throw invalid("has an unknown event");
  if (typeof seq !== "number" || !Number.isSafeInteger(seq) || seq < 0) throw invalid("has no sequence number");
  return { call: call as string, role: "server", event: known, seq };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_LENGTH;
}

function invalid(what: string): AdapterError {
  return new AdapterError("message_invalid", `The address of an A2A call ${what}`);
}
