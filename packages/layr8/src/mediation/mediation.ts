import { ParleyError, type Attachment, type JsonObject, type JsonValue, type MessageInit } from "@parley/core";
import { isJsonArray } from "@parley/core/eager";
import type { CallOptions } from "@parley/credentials-client";
import type { JoinedDid, ReceivedMessage, RequestOptions } from "@parley/didcomm-agent";
import { COORDINATION, DELIVERY, PICKUP } from "./protocols.ts";

/** Envelopes of one `delivery-request`, and most such requests of one `pickup`. */
const LIMIT = 10;
const MAX_ROUNDS = 100;
const TIMEOUT_MS = 20_000;

/** A client, as far as mediation needs it. */
export interface MediatedClient {
  readonly did: string;
  /** Where envelopes are posted. */
  readonly didcommUrl: string;
  request(message: MessageInit, options?: RequestOptions): Promise<ReceivedMessage>;
  joined(did: string): JoinedDid | undefined;
  setMediator(mediator: string | undefined, options: CallOptions & { readonly did: string }): Promise<void>;
}

/** Options of every step. */
export interface MediationOptions {
  /** The DID that acts: the client's, or one that was joined with `joinDid`. Default: the client's. */
  readonly did?: string;
  /** How long to wait for each response, in milliseconds. Default 20,000. */
  readonly timeoutMs?: number;
}

/** Options of `enroll`. */
export interface EnrollOptions extends MediationOptions {
  /** Further DIDs to register. */
  readonly recipients?: readonly string[];
}

/** Options of `pickup`. */
export interface PickupOptions extends MediationOptions {
  /** Messages of one request. Default 10. */
  readonly limit?: number;
  /** Where envelopes are posted. Default: the client's `didcommUrl`. */
  readonly didcommUrl?: string;
}

/** Options of `bootstrap`. */
export interface BootstrapOptions extends EnrollOptions, PickupOptions {
  /** Whether live delivery is turned on at the end. Default `true`. */
  readonly live?: boolean;
}

/** A step that failed. */
export interface MediationFailure {
  readonly ok: false;
  readonly error: ParleyError;
}

/** Result of `enroll`. */
export type EnrollResult =
  | { readonly ok: true; readonly routingDid: readonly string[]; readonly updated: readonly JsonObject[] }
  | MediationFailure;
/** Result of `pickup`: messages that the agent's node has accepted, and those that it refused, which are not kept. */
export type PickupResult = { readonly ok: true; readonly collected: number; readonly refused: number } | MediationFailure;
/** Result of a step whose response is the status of the mediator. */
export type StatusResult = { readonly ok: true; readonly status: JsonObject } | MediationFailure;
/** Result of `declare` and `undeclare`. */
export type DeclareResult = { readonly ok: true } | MediationFailure;
/** Result of `bootstrap`. */
export type BootstrapResult =
  | { readonly ok: true; readonly collected: number; readonly refused: number }
  | (MediationFailure & { readonly step: "enroll" | "declare" | "pickup" | "live" });

/** Asks a mediator to accept messages for a DID. Repeating it changes nothing. */
export function enroll(client: MediatedClient, mediator: string, options: EnrollOptions = {}): Promise<EnrollResult> {
  return step(async () => {
    const grant = await ask(client, mediator, `${COORDINATION}/mediate-request`, {}, options);
    if (grant.type === `${COORDINATION}/mediate-deny`)
      throw new ParleyError("mediation_denied", `${mediator} does not mediate for this agent`);
    expectType(grant, `${COORDINATION}/mediate-grant`);
    const { did = client.did, recipients = [] } = options;
    const updates = Array.from(new Set([did, ...recipients]), (recipient) => ({ recipient_did: recipient, action: "add" }));
    const response = await ask(client, mediator, `${COORDINATION}/recipient-update`, { updates }, options);
    expectType(response, `${COORDINATION}/recipient-update-response`);
    const updated = objectsOf(response.body["updated"]);
    const result = updated.find(({ recipient_did: recipient }) => recipient === did)?.["result"];
    if (result !== "success" && result !== "no_change") {
      throw new ParleyError("mediation_refused", `${mediator} did not register ${did}: ${JSON.stringify(result) ?? "no result"}`);
    }
    return { ok: true, routingDid: textsOf(grant.body["routing_did"]), updated };
  });
}

/** Names the mediator in the DID's document, so that others send through it. */
export function declare(client: MediatedClient, mediator: string, options: MediationOptions = {}): Promise<DeclareResult> {
  return setMediator(client, mediator, options);
}

/** Removes the mediator from the DID's document. */
export function undeclare(client: MediatedClient, options: MediationOptions = {}): Promise<DeclareResult> {
  return setMediator(client, undefined, options);
}

/** Fetches all waiting messages, and posts them to the agent's node, which delivers them to handlers. */
export function pickup(client: MediatedClient, mediator: string, options: PickupOptions = {}): Promise<PickupResult> {
  return step(async () => {
    const total = { collected: 0, refused: 0 };
    for (let round = 0; round < MAX_ROUNDS; round++) {
      // oxlint-disable-next-line no-await-in-loop
      const reply = await ask(client, mediator, `${PICKUP}/delivery-request`, { limit: options.limit ?? LIMIT }, options);
      // Version 4 answers with an empty delivery.
      if (reply.type === `${PICKUP}/status` || (reply.type === DELIVERY && (reply.attachments ?? []).length === 0)) break;
      expectType(reply, DELIVERY);
      // oxlint-disable-next-line no-await-in-loop
      const { collected, refused, isComplete } = await collect(client, mediator, reply.attachments ?? [], options);
      total.collected += collected;
      total.refused += refused;
      if (!isComplete)
        throw new ParleyError("mediation_incomplete", "The agent's node could not take a message now: it stays with the mediator");
    }
    return { ok: true, ...total };
  });
}

/** Turns live delivery on or off. */
export function live(client: MediatedClient, mediator: string, isLive: boolean, options: MediationOptions = {}): Promise<StatusResult> {
  return askStatus(client, mediator, `${PICKUP}/live-delivery-change`, { live_delivery: isLive }, options);
}

/** Asks how many messages wait. */
export function status(client: MediatedClient, mediator: string, options: MediationOptions = {}): Promise<StatusResult> {
  return askStatus(client, mediator, `${PICKUP}/status-request`, {}, options);
}

/** All steps: enroll, declare, pickup, live delivery. Stops at the first that fails. */
export async function bootstrap(client: MediatedClient, mediator: string, options: BootstrapOptions = {}): Promise<BootstrapResult> {
  const enrolled = await enroll(client, mediator, options);
  if (!enrolled.ok) return { ...enrolled, step: "enroll" };
  const declared = await declare(client, mediator, options);
  if (!declared.ok) return { ...declared, step: "declare" };
  const picked = await pickup(client, mediator, options);
  if (!picked.ok) return { ...picked, step: "pickup" };
  if (options.live === false) return picked;
  const turned = await live(client, mediator, true, options);
  return turned.ok ? picked : { ...turned, step: "live" };
}

/**
 * Posts envelopes to the agent's node, and acknowledges those that it has decided about. The others stay with the mediator. A lost acknowledgement
 * means another delivery, which the node recognizes.
 */
export async function collect(
  client: MediatedClient,
  mediator: string,
  attachments: readonly Attachment[],
  { didcommUrl = client.didcommUrl, timeoutMs = TIMEOUT_MS, ...options }: PickupOptions = {},
): Promise<{ readonly collected: number; readonly refused: number; readonly isComplete: boolean }> {
  const { EnvelopePoster } = await import("./post-envelope.ts");
  const poster = new EnvelopePoster(didcommUrl);
  const decided: string[] = [];
  let refused = 0;
  try {
    for (const { id = "", data } of attachments) {
      const envelope = Buffer.from(data.base64 ?? "", "base64url").toString();
      // In order.
      // oxlint-disable-next-line no-await-in-loop
      const posted = envelope === "" ? "refused" : await poster.post(envelope, timeoutMs);
      if (posted === "failed") break;
      if (posted === "refused") refused++;
      decided.push(id);
    }
  } finally {
    poster[Symbol.dispose]();
  }
  if (decided.length > 0) {
    const body = { message_id_list: decided };
    await ask(client, mediator, `${PICKUP}/messages-received`, body, { ...options, timeoutMs }).catch(() => undefined);
  }
  return { collected: decided.length - refused, refused, isComplete: decided.length === attachments.length };
}

function setMediator(
  client: MediatedClient,
  mediator: string | undefined,
  { did = client.did, timeoutMs = TIMEOUT_MS }: MediationOptions,
): Promise<DeclareResult> {
  return step(async () => {
    await client.setMediator(mediator, { did, signal: AbortSignal.timeout(timeoutMs) });
    return { ok: true };
  });
}

function askStatus(
  client: MediatedClient,
  mediator: string,
  type: string,
  body: JsonObject,
  options: MediationOptions,
): Promise<StatusResult> {
  return step(async () => {
    const reply = await ask(client, mediator, type, body, options);
    expectType(reply, `${PICKUP}/status`);
    return { ok: true, status: reply.body };
  });
}

/** Sends a request as the DID that acts. A step taken as another DID would succeed, for the wrong queue. */
async function ask(
  client: MediatedClient,
  mediator: string,
  type: string,
  body: JsonObject,
  { did = client.did, timeoutMs = TIMEOUT_MS }: MediationOptions,
): Promise<ReceivedMessage> {
  const sender = did === client.did ? client : client.joined(did);
  if (sender === undefined) throw new ParleyError("not_joined", `${did} is neither the client's DID nor joined: join it with joinDid()`);
  return sender.request({ type, to: mediator, body, headers: { return_route: "all" } }, { timeoutMs });
}

async function step<T>(run: () => Promise<T>): Promise<T | MediationFailure> {
  try {
    return await run();
  } catch (error) {
    return { ok: false, error: ParleyError.from(error) };
  }
}

function expectType({ type }: ReceivedMessage, expected: string): void {
  if (type !== expected) throw new ParleyError("mediation_unexpected", `The mediator answered with ${type}, not ${expected}`);
}

function objectsOf(value: JsonValue | undefined): readonly JsonObject[] {
  return isJsonArray(value)
    ? value.filter((entry): entry is JsonObject => typeof entry === "object" && entry !== null && !Array.isArray(entry))
    : [];
}

function textsOf(value: JsonValue | undefined): readonly string[] {
  const values = isJsonArray(value) ? value : [value];
  return values.filter((entry) => typeof entry === "string");
}
