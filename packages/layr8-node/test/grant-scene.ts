import { createHmac, sign, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import type { JsonObject } from "@parley/core";
import { signCredential, type SigningKey } from "@parley/vc";
import { expect } from "vitest";
import type { Layr8Node } from "../src/layr8-node.ts";
import { startNode } from "../src/node.ts";
import type { NodeOptions } from "../src/options.ts";
import { didKey } from "./did-key.ts";
import { RawAgent } from "./raw-agent.ts";

export const ORDER = "https://shop.example/orders/1.0";
export const ALICE = "did:web:localhost:alice";
export const BOB = "did:web:localhost:bob";
export const CAROL = "did:web:localhost:carol";
export const MALLORY = "did:web:localhost:mallory";
export const HELPER = `${ALICE}:helper`;
const KEY = "a-key-that-may-bind-any-did";
const REPORT = "https://didcomm.org/report-problem/2.0/problem-report";

type Plaintext = Readonly<Record<string, unknown>>;

export interface Party {
  readonly did: string;
  readonly key: SigningKey;
}
/** The issuer that Bob's policy trusts. */
export const owner: Party = didKey();
export const stranger: Party = didKey();

export const days = (count: number): string => new Date(Date.now() + count * 86_400_000).toISOString();

/** The claims of a grant of the owner for Alice, to create orders at Bob, with other members and another subject. */
export function claims(members: JsonObject = {}, subject: JsonObject = {}): JsonObject {
  return {
    "@context": ["https://www.w3.org/ns/credentials/v2", "https://layr8.io/contexts/grant/v1"],
    id: "urn:uuid:7a1676b8-b51f-11ed-937b-d76685a20ff5",
    type: ["VerifiableCredential", "VerifiableGrant"],
    issuer: owner.did,
    credentialSubject: { id: ALICE, scope: [{ protocol: ORDER, messageTypes: ["create"], resource: BOB }], ...subject },
    ...members,
  };
}

/** A grant, signed with all checks of the signer. */
export function grant(members: JsonObject = {}, subject: JsonObject = {}, { key }: Party = owner): Promise<string> {
  return signCredential(claims(members, subject), { key });
}

/** A token with any header and payload, signed with a key, a shared secret, or not at all. */
export function token(header: JsonObject, payload: JsonObject | string, key?: KeyObject | string): string {
  const encode = (part: JsonObject | string): string =>
    Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url");
  const input = `${encode(header)}.${encode(payload)}`;
  if (key === undefined) return `${input}.`;
  if (typeof key === "string") return `${input}.${createHmac("sha256", key).update(input).digest("base64url")}`;
  return `${input}.${sign(null, Buffer.from(input), key).toString("base64url")}`;
}

/** The parts of a signed token, read. */
export function partsOf(signed: string): { readonly header: JsonObject; readonly payload: JsonObject; readonly signature: string } {
  const [header = "", payload = "", signature = ""] = signed.split(".");
  const read = (part: string): JsonObject => JSON.parse(Buffer.from(part, "base64url").toString()) as JsonObject;
  return { header: read(header), payload: read(payload), signature };
}

/** The same token with other claims, and the signature of before. */
export function altered(signed: string, changed: JsonObject): string {
  const { header, payload, signature } = partsOf(signed);
  return `${token(header, { ...payload, ...changed }).slice(0, -1)}.${signature}`;
}

export const attachment = (jws: string, id = "grant"): object => ({ id, media_type: "application/vc+jwt", data: { jws } });

/** The rows of a table of attacks in the documentation: attack and code. */
export function documentedAttacks(file: string): [attack: string, code: string][] {
  const page = readFileSync(new URL("../../../docs/node/attacks.md", import.meta.url), "utf8");
  const table = page.split(`<!-- attacks packages/layr8-node/test/${file} -->`)[1]?.split("<!-- /attacks -->")[0] ?? "";
  return Array.from(table.matchAll(/^\| (.*?) +\| `(\w+)` +\|$/gm), ([, attack = "", code = ""]) => [attack, code]);
}

/** A node on which Bob accepts messages with a grant of the owner. */
export class GrantScene {
  readonly node: Layr8Node;
  readonly #agents: RawAgent[] = [];
  /** By the id of an order: called with what comes of it. */
  readonly #waiting = new Map<string, (plaintext: Plaintext) => void>();
  /** By the ref of a push. */
  readonly #replies = new Map<string, (reply: Plaintext) => void>();
  #count = 0;

  private constructor(node: Layr8Node) {
    this.node = node;
  }

  static async open(options: NodeOptions = {}): Promise<GrantScene> {
    const policies = [{ did: BOB, protocols: [ORDER], grantIssuers: [owner.did] }];
    const scene = new GrantScene(await startNode({ port: 0, logger: false, apiKeys: [{ key: KEY, dids: "any" }], policies, ...options }));
    await scene.agent(BOB);
    return scene;
  }

  /** An agent, which joins unless it has. */
  async agent(did: string): Promise<RawAgent> {
    const present = this.#agents.find((agent) => agent.did === did);
    if (present !== undefined) return present;
    const joined = await RawAgent.join(this.node, { did, protocols: [ORDER], apiKey: KEY });
    this.#agents.push(joined);
    void this.#read(joined);
    return joined;
  }

  /** Passes what an agent gets to the order that it is about. */
  async #read({ client }: RawAgent): Promise<void> {
    for (;;) {
      const frame = await client.next().catch(() => undefined);
      if (frame === undefined) return;
      const [, ref, , event, payload] = frame;
      if (event === "phx_reply") this.#replies.get(ref ?? "")?.(payload);
      if (event !== "message") continue;
      const plaintext = payload["plaintext"] as Plaintext;
      this.#waiting.get(String(plaintext["type"] === REPORT ? plaintext["pthid"] : plaintext["id"]))?.(plaintext);
    }
  }

  /** Sends an order with attachments. @returns `delivered`, the code of the push's rejection, or the codes of the denial: its reason, and that of each grant. */
  async order(from: string, attachments: readonly object[], more: object = {}): Promise<string | readonly string[]> {
    const sender = await this.agent(from);
    const id = `order-${this.#count++}`;
    const message = { id, type: `${ORDER}/create`, from, to: [BOB], body: {}, ...(attachments.length > 0 && { attachments }), ...more };
    const outcome = new Promise<Plaintext>((resolve) => this.#waiting.set(id, resolve));
    const replied = new Promise<Plaintext>((resolve) => this.#replies.set(id, resolve));
    sender.client.send([null, id, sender.topic, "message", message]);
    const reply = await replied;
    if (reply["status"] !== "ok") return String((reply["response"] as { code?: string }).code);
    const plaintext = await outcome;
    if (plaintext["id"] === id) return "delivered";
    expect(plaintext).toMatchObject({ type: REPORT, pthid: id, body: { code: "e.m.authz.denied" } });
    const [decision] = plaintext["attachments"] as [{ data: { json: { reason: string; grants: { code: string }[] } } }];
    const { reason, grants } = decision.data.json;
    return [reason, ...grants.map(({ code }) => code)];
  }

  /** A call of the REST API about credentials, which must succeed. */
  async post(call: string, body: object): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.node.httpUrl}/api/v1/credentials/${call}`, {
      method: "POST",
      headers: { "x-api-key": KEY, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(200);
    return (await response.json()) as Record<string, unknown>;
  }

  /** A credential of a DID that this node hosts, which it signs. */
  async sign(issuer: string, credential: JsonObject): Promise<string> {
    return String((await this.post("sign", { issuer_did: issuer, credential }))["signed_credential"]);
  }

  /** A grant that a holder derives from another one for a DID below its own. */
  derive(
    issuer: string,
    holder: string,
    origin: string,
    { members = {}, subject = {}, delegation = {}, id = "urn:x:derived" }: Derived = {},
  ): Promise<string> {
    return this.sign(issuer, {
      "@context": ["https://www.w3.org/ns/credentials/v2"],
      id,
      type: ["VerifiableCredential", "VerifiableGrant"],
      credentialSubject: {
        id: holder,
        scope: [{ protocol: ORDER, messageTypes: ["create"], resource: BOB }],
        delegation: { parentCapability: String(partsOf(origin).payload["id"]), parentCredential: origin, ...delegation },
        ...subject,
      },
      ...members,
    });
  }

  async close(): Promise<void> {
    for (const agent of this.#agents) agent.close();
    await this.node.close();
  }
}

/** Changes to a derived grant. */
export interface Derived {
  readonly members?: JsonObject;
  readonly subject?: JsonObject;
  readonly delegation?: JsonObject;
  readonly id?: string;
}
