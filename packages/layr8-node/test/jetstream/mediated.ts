import { createDidcommCrypto } from "@parley/didcomm-crypto";
import { createDidResolver, didWebMethod } from "@parley/did";
import { createNodeFetch } from "@parley/did/node";
import { expect, onTestFinished } from "vitest";
import type { Layr8Node } from "../../src/layr8-node.ts";
import { KEY } from "../federation/pair.ts";
import { RawAgent } from "../raw-agent.ts";

export const COORDINATION: string = "https://didcomm.org/coordinate-mediation/3.0";
export const PICKUP: string = "https://didcomm.org/messagepickup/3.0";
export const MEDIATOR: string = "did:web:node.example:mediator";
export const BOB: string = "did:web:node.example:bob";
/** DIDs below Bob's, which the nodes do not host. */
export const CHILD: string = `${BOB}:child`;
export const PHONE: string = `${BOB}:phone`;

/** A response of the mediator. */
export interface Answer {
  readonly type: string;
  readonly body: Record<string, unknown>;
  readonly attachments?: readonly { readonly id: string; readonly data: { readonly base64: string } }[];
}

let lastId = 0;

/** An agent at a node, until the test ends. */
export async function join(node: Pick<Layr8Node, "url">, did: string): Promise<RawAgent> {
  const agent = await RawAgent.join({ url: node.url, apiKey: KEY }, { did, protocols: [PICKUP], apiKey: KEY });
  onTestFinished(() => agent.close());
  return agent;
}

/** Sends a request to the mediator, and returns its response. */
export async function ask(from: RawAgent, type: string, body: object = {}): Promise<Answer> {
  const id = `request-${++lastId}`;
  expect(await from.send({ id, type, from: from.did, to: [MEDIATOR], body })).toMatchObject({ status: "ok" });
  for (;;) {
    // A connection that follows another one gets again what that one has not acknowledged.
    const { plaintext } = await from.receive();
    from.ack(String(plaintext["id"]));
    if (plaintext["thid"] === id || plaintext["pthid"] === id) return plaintext as never;
  }
}

/** Registers DIDs, and returns the results. */
export async function register(from: RawAgent, ...dids: string[]): Promise<unknown[]> {
  const updates = dids.map((did) => ({ recipient_did: did, action: "add" }));
  const { body } = await ask(from, `${COORDINATION}/recipient-update`, { updates });
  return (body["updated"] as { result: unknown }[]).map(({ result }) => result);
}

/** Posts a forward to a node, as another node does. */
export async function forward(node: Pick<Layr8Node, "httpUrl">, next: string, envelope: string): Promise<number> {
  const hosts = { "node.example": node.httpUrl };
  const resolver = createDidResolver({ methods: didWebMethod({ fetch: createNodeFetch({ allow: ["loopback"] }), hosts }) });
  const attachments = [{ id: "1", data: { base64: Buffer.from(envelope).toString("base64url") } }];
  const message = {
    id: `forward-${++lastId}`,
    type: "https://didcomm.org/routing/2.0/forward",
    to: [MEDIATOR],
    body: { next },
    attachments,
  };
  const crypto = createDidcommCrypto({ resolver, privateKey: () => Promise.resolve(undefined) });
  const body = await crypto.pack(JSON.stringify(message), { from: "anonymous", to: MEDIATOR });
  const headers = { "content-type": "application/didcomm-encrypted+json" };
  return (await fetch(`${node.httpUrl}/didcomm`, { method: "POST", headers, body })).status;
}

/** The envelopes of a delivery. */
export function contentsOf({ attachments = [] }: Answer): string[] {
  return attachments.map(({ data: { base64 } }) => Buffer.from(base64, "base64url").toString());
}

export function idsOf({ attachments = [] }: Answer): string[] {
  return attachments.map(({ id }) => id);
}
