import { describeUnless } from "@parley/test-assertions";
import { HoldingProxy, missingNats } from "@parley/test-nats";
import { expect, it, onTestFinished } from "vitest";
import type { Layr8Node } from "../../src/layr8-node.ts";
import { KEY } from "../federation/pair.ts";
import { RawAgent, type RawJoin } from "../raw-agent.ts";
import { useSharedNodes } from "./shared-nodes.ts";

const ALICE = "did:web:node.example:alice";
const BOB = "did:web:node.example:bob";
const PING = "https://didcomm.org/trust-ping/2.0";

describeUnless(missingNats(1), "nodes with the same data announce changes of stored credentials", () => {
  const shared = useSharedNodes();
  const { nats, start } = shared;

  async function join(node: Layr8Node, did: string, more: RawJoin = {}): Promise<RawAgent> {
    const agent = await RawAgent.join(node, { did, protocols: [PING], apiKey: KEY, capabilities: ["wallet_watch/1"], ...more });
    onTestFinished(() => agent.close());
    return agent;
  }

  async function call(node: Layr8Node, path: string, body: object, method = "POST"): Promise<Record<string, unknown>> {
    const response = await fetch(`${node.httpUrl}/api/v1/${path}`, {
      method,
      headers: { "x-api-key": KEY, "content-type": "application/json" },
      ...(method === "POST" && { body: JSON.stringify(body) }),
    });
    return response.status === 204 ? {} : ((await response.json()) as Record<string, unknown>);
  }

  /** Stores a grant for Alice at a node; returns its id. */
  async function store(node: Layr8Node, name: string): Promise<string> {
    const { signed_credential: signed } = await call(node, "credentials/sign", {
      issuer_did: "did:web:node.example:owner",
      credential: {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        id: `urn:x:${name}`,
        type: ["VerifiableCredential", "VerifiableGrant"],
        credentialSubject: { id: ALICE, scope: [{ protocol: "*", messageTypes: [name] }] },
      },
    });
    const { id } = await call(node, "credentials", { holder_did: ALICE, credential_jwt: signed });
    return String(id);
  }

  const joinChild = (node: Layr8Node): Promise<RawAgent> =>
    join(node, `${ALICE}:child`, {
      capabilities: [],
      didSpec: { parentDid: ALICE, childNameSource: "client", storage: "ephemeral" },
      more: { delegation_refresh: true },
    });

  it("to connections of the holder at every node, also when another node has its mailbox, and to no others", async () => {
    const [one, other] = [await start(), await start()];
    // The first node has the mailbox.
    const [here, there] = [await join(one, ALICE), await join(other, ALICE, { protocols: ["https://a.example/1.0"] })];
    const bob = await join(other, BOB);
    const id = await store(one, "first");
    for (const agent of [here, there]) expect((await agent.event("wallet_changed"))[4]).toEqual({ holder_did: ALICE });
    await call(other, `credentials/${id}`, {}, "DELETE");
    for (const agent of [here, there]) expect((await agent.event("wallet_changed"))[4]).toEqual({ holder_did: ALICE });
    // The first frame that another agent gets is a later message.
    const message = { id: "1", type: `${PING}/ping-response`, from: ALICE, to: [BOB], body: {} };
    expect(await here.send(message)).toMatchObject({ status: "ok" });
    expect((await bob.client.next())[3]).toBe("message");
  });

  it("to children at every node, with the grants that are stored then", async () => {
    const [one, other] = [await start(), await start()];
    await join(one, ALICE);
    await store(one, "first");
    const child = await joinChild(other);
    await store(one, "second");
    const [, , , , pushed] = await child.event("delegated_credentials");
    expect(pushed).toMatchObject({ revision: 1, status: "complete" });
    expect((pushed as { credentials: unknown[] }).credentials).toHaveLength(2);
  });

  it("when NATS can be reached again, if it could not while they were stored", async () => {
    const proxy = await HoldingProxy.start(nats.urls[0] ?? "");
    onTestFinished(() => proxy[Symbol.asyncDispose]());
    const [one, other] = [await start(), await start({ nats: [proxy.url] })];
    const alice = await join(other, ALICE);
    proxy.hold({ subject: `${shared.prefix}.wallets.` });
    await store(one, "first");
    proxy.release();
    expect((await alice.event("wallet_changed"))[4]).toEqual({ holder_did: ALICE });
  });
});
