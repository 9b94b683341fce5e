import { isJsonObject, type JsonObject } from "@parley/core";
import { AdapterError } from "../adapter-error.ts";
import { Envelope } from "../envelope.ts";
import { Protocol } from "../protocol.ts";

const MAX_LENGTH = 512;
const EVENTS = {
  client: ["request", "card", "cancel"],
  server: ["reply", "next", "end"],
} as const;

/** An envelope of a client in a call: the member `a2a` of its metadata. */
export interface ClientCall {
  /** Id of the call, chosen by the client. */
  readonly call: string;
  readonly role: "client";
  /** `"request"`: the payload is a JSON-RPC request. `"card"`: requests the agent card. `"cancel"`: the client stopped waiting. */
  readonly event: "request" | "card" | "cancel";
  /** URL of the agent's interface. */
  readonly agent: string;
}

/** An envelope of a server in a call. */
export interface ServerCall {
  readonly call: string;
  readonly role: "server";
  /** `"reply"`: the only answer. `"next"`: one event of a stream. `"end"`: the stream has ended; the payload is empty. */
  readonly event: "reply" | "next" | "end";
  /** Sequence number of the answer in this call, from 0, to detect duplicates and losses. */
  readonly seq: number;
}

/** Service parameters of A2A, which are headers over HTTP: `A2A-Version`, `A2A-Extensions`, and others. */
export type ServiceParameters = Readonly<Record<string, string>>;

/** An envelope that is part of a call. */
export interface CallEnvelope {
  readonly call: ClientCall | ServerCall;
  readonly parameters: ServiceParameters;
}

/** Parameters at the top level of the metadata. Names are case-insensitive. */
const TOP_LEVEL = ["A2A-Version", "A2A-Extensions"];

/** Creates an envelope of a call. `others` is additional metadata. */
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
 * Reads the call that an A2A envelope belongs to; `undefined` if it belongs to none.
 *
 * @throws AdapterError `message_invalid`
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
    if (typeof value !== "string") throw invalid("has a parameter that is not a string");
    // Names such as `__proto__` are ignored.
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

function invalid(fault: string): AdapterError {
  return new AdapterError("message_invalid", `The address of an A2A call ${fault}`);
}
