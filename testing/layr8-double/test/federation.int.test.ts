import type { Layr8Node } from "@parley/layr8-node";
import { describeUnless } from "@parley/test-assertions";
import { Client } from "layr8";
import { afterEach, beforeEach, expect, it } from "vitest";
import { DoubleAgents, missingPython, type DoubleAgent, type DoubleAgentOptions } from "../src/index.ts";
import { startNodes } from "./nodes.ts";
import { grantFor, KEY, REPORT } from "./scene.ts";

const ORDER = "https://shop.example/orders/1.0";
const NAMES = ["buyers", "shops"] as const;
const ALICE = "did:web:buyers.localhost:alice";
const MALLORY = "did:web:buyers.localhost:mallory";
const CHILD = `${ALICE}:k7m2q9x4h3bd`;
const OWNER = "did:web:shops.localhost:owner";
const SHOP = "did:web:shops.localhost:shop";

describeUnless(missingPython(), "grants of agents of layr8's SDKs for agents of another node", () => {
  let nodes: Map<(typeof NAMES)[number], Layr8Node>;
  let doubles: DoubleAgents;
  let owner: Client;

  beforeEach(async () => {
    const policies = [{ did: SHOP, protocols: [ORDER], grantIssuers: [OWNER] }];
    nodes = await startNodes(NAMES, (name) => (name === "shops" ? { policies } : {}));
    doubles = new DoubleAgents();
    owner = new Client({ nodeUrl: nodes.get("shops")?.url, apiKey: KEY, agentDid: OWNER, attachGrants: false }, () => {});
    const done = { type: `${ORDER}/create`, action: "reply" as const, replyType: `${ORDER}/done` };
    await double("shops", SHOP, { generation: "python", handlers: [done] });
    await double("buyers", ALICE);
  });

  afterEach(async () => {
    await owner.close();
    try {
      await doubles.close();
    } finally {
      await Promise.all(Array.from(nodes.values(), (node) => node.close()));
    }
  });

  const double = (node: (typeof NAMES)[number], did: string, more: Partial<DoubleAgentOptions> = {}): Promise<DoubleAgent> =>
    doubles.agent({ url: nodes.get(node)?.url ?? "", apiKey: KEY, did, backoff: 0.05, ...more });
  const order = (from: DoubleAgent, more: object = {}): Promise<Readonly<Record<string, unknown>>> =>
    from.request({ type: `${ORDER}/create`, to: [SHOP], body: {}, ...more }, { grants: true });
  const attached = (jws: string): object => ({ attachments: [{ id: "copy", media_type: "application/vc+jwt", data: { jws } }] });

  /** The owner's node signs a grant for Alice. Her own node stores it. */
  async function grantAlice(holder: DoubleAgent, revocable = false): Promise<string> {
    const credential = grantFor(ALICE, { protocol: ORDER, messageTypes: ["create"], resource: SHOP }, { id: "urn:x:grant" });
    const signed = await owner.signCredential(credential, { revocable });
    await holder.call("store", { jwt: signed, holder: ALICE });
    return signed;
  }

  it("permit what they cover, to their holder: the sender is proven by the encryption between the nodes", async () => {
    const alice = await double("buyers", ALICE, { generation: "go" });
    const signed = await grantAlice(alice);
    expect(await order(alice)).toMatchObject({ type: `${ORDER}/done`, from: SHOP });
    const mallory = await double("buyers", MALLORY);
    const denied = await order(mallory, attached(signed));
    expect(denied).toMatchObject({ type: REPORT, from: SHOP, body: { code: "e.m.authz.denied" } });
  });

  it("are borrowed by children, and end with the grant of their parent", async () => {
    const alice = await double("buyers", ALICE);
    const signed = await grantAlice(alice, true);
    const child = await double("buyers", CHILD, { parent: ALICE });
    expect(await order(child)).toMatchObject({ type: `${ORDER}/done` });
    const { credentials } = child.delegated as { credentials: { credential_jwt: string }[] };
    const copied = await order(await double("buyers", MALLORY), attached(credentials[0]?.credential_jwt ?? ""));
    expect(copied).toMatchObject({ type: REPORT, body: { code: "e.m.authz.denied" } });
    await owner.setCredentialStatus(signed, "revoked");
    expect(await order(child)).toMatchObject({ type: REPORT, body: { code: "e.m.authz.denied" } });
    expect(await order(alice)).toMatchObject({ type: REPORT, body: { code: "e.m.authz.denied" } });
  });
});
