import { signCredential } from "@parley/vc";
import { afterEach, describe, expect, it } from "vitest";
import type { Layr8Node } from "../src/layr8-node.ts";
import { startNode } from "../src/node.ts";
import { didKey } from "./did-key.ts";
import { RawAgent } from "./raw-agent.ts";

const ALICE = "did:web:localhost:alice";
const BOB = "did:web:localhost:bob";
const PING = "https://didcomm.org/trust-ping/2.0";

let node: Layr8Node;
const agents: RawAgent[] = [];

afterEach(async () => {
  for (const agent of agents.splice(0)) agent.close();
  await node.close();
});

async function join(did: string, capabilities: readonly string[], protocols: readonly string[] = []): Promise<RawAgent> {
  const agent = await RawAgent.join(node, { did, capabilities, protocols });
  agents.push(agent);
  return agent;
}

async function store(holder: string): Promise<string> {
  const { did, key } = didKey();
  const credential = {
    "@context": ["https://www.w3.org/ns/credentials/v2"],
    type: ["VerifiableCredential"],
    issuer: did,
    credentialSubject: { id: holder },
  };
  const response = await fetch(`${node.httpUrl}/api/v1/credentials`, {
    method: "POST",
    headers: { "x-api-key": node.apiKey ?? "", "content-type": "application/json" },
    body: JSON.stringify({ holder_did: holder, credential_jwt: await signCredential(credential, { key }) }),
  });
  expect(response.status).toBe(201);
  return ((await response.json()) as { id: string }).id;
}

describe("changes of stored credentials", () => {
  it("are announced to the connections of their holder that have asked for it, and to no others", async () => {
    node = await startNode({ port: 0, logger: false });
    const watching = await join(ALICE, ["wallet_watch/1"], ["https://a.example/1.0"]);
    const ignoring = await join(ALICE, [], [PING]);
    const other = await join(BOB, ["wallet_watch/1"], [PING]);
    const id = await store(ALICE);
    expect((await watching.event("wallet_changed"))[4]).toEqual({ holder_did: ALICE });
    await fetch(`${node.httpUrl}/api/v1/credentials/${id}`, { method: "DELETE", headers: { "x-api-key": node.apiKey ?? "" } });
    expect((await watching.event("wallet_changed"))[4]).toEqual({ holder_did: ALICE });
    // The first frame that the others get is a later message.
    const message = { type: `${PING}/ping-response`, body: {} };
    expect(await other.send({ ...message, id: "1", from: BOB, to: [ALICE] })).toMatchObject({ status: "ok" });
    expect(await watching.send({ ...message, id: "2", from: ALICE, to: [BOB] })).toMatchObject({ status: "ok" });
    for (const agent of [ignoring, other]) expect((await agent.client.next())[3]).toBe("message");
  });
});
