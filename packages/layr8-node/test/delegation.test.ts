import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { Layr8Node } from "../src/layr8-node.ts";
import { startNode } from "../src/node.ts";
import { RawClient } from "./phoenix/raw-client.ts";
import { RawAgent } from "./raw-agent.ts";

const ALICE = "did:web:localhost:alice";

let node: Layr8Node;
const agents: RawAgent[] = [];

beforeEach(async () => {
  node = await startNode({ port: 0, logger: false });
  agents.push(await RawAgent.join(node, { did: ALICE }));
});

afterEach(async () => {
  for (const agent of agents.splice(0)) agent.close();
  await node.close();
});

async function store(name: string): Promise<void> {
  const call = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const response = await fetch(`${node.httpUrl}/api/v1/${path}`, {
      method: "POST",
      headers: { "x-api-key": node.apiKey ?? "", "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return (await response.json()) as Record<string, unknown>;
  };
  const { signed_credential: signed } = await call("credentials/sign", {
    issuer_did: "did:web:localhost:owner",
    credential: {
      "@context": ["https://www.w3.org/ns/credentials/v2"],
      id: `urn:x:${name}`,
      type: ["VerifiableCredential", "VerifiableGrant"],
      credentialSubject: { id: ALICE, scope: [{ protocol: "*", messageTypes: [name] }] },
    },
  });
  await call("credentials", { holder_did: ALICE, credential_jwt: signed });
}

const join = (did: string, storage: string, more: object = {}): Promise<RawAgent> =>
  RawAgent.join(node, { did, didSpec: { parentDid: ALICE, childNameSource: "client", storage }, more });

describe("a join with a parent", () => {
  it.each<[string, string, string]>([
    [`${ALICE}x`, "ephemeral", "e.join.plugin.child.not-beneath-parent"],
    [`${ALICE}:a:b`, "ephemeral", "e.join.plugin.child.not-beneath-parent"],
    ["did:web:localhost:bob", "ephemeral", "e.join.plugin.child.not-beneath-parent"],
    [`${ALICE}:a`, "persistent", "e.join.plugin.child.storage-not-ephemeral"],
  ])("is refused for %s (%s): %s", async (did, storage, code) => {
    await expect(join(did, storage)).rejects.toThrow(code);
  });

  it("is refused with a parent that is not a DID", async () => {
    const didSpec = { parentDid: "alice", storage: "ephemeral" };
    await expect(RawAgent.join(node, { did: `${ALICE}:a`, didSpec })).rejects.toThrow("did_spec.parentDid must be a DID");
  });

  it("finds the capabilities in the reply", async () => {
    const client = await RawClient.open(`${node.url}?vsn=2.0.0`, { "x-api-key": node.apiKey ?? "" });
    onTestFinished(() => client.close());
    const { response } = await client.push(`plugins:${ALICE}:b`, "phx_join", { did_spec: { storage: "ephemeral", parentDid: ALICE } });
    expect(response).toMatchObject({
      capabilities: expect.arrayContaining(["ephemeral_delegation/1", "ephemeral_delegation_refresh/1"]) as string[],
      delegated_credentials: { status: "complete", revision: 0, credentials: [] },
    });
  });

  it("gets pushes with growing revisions if it has asked for them", async () => {
    const child = await join(`${ALICE}:a`, "ephemeral", { delegation_refresh: true });
    agents.push(child);
    for (const [index, name] of ["one", "two", "three"].entries()) {
      await store(name);
      const { revision, status, credentials } = (await child.event("delegated_credentials"))[4];
      expect({ revision, status }).toEqual({ revision: index + 1, status: "complete" });
      expect(credentials).toHaveLength(index + 1);
      expect((credentials as object[]).at(-1)).toMatchObject({ parent_capability: `urn:x:${name}` });
    }
  });
});
