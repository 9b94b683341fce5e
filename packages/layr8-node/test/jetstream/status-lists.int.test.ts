import { randomBytes } from "node:crypto";
import type { JsonObject } from "@parley/core";
import { describeUnless } from "@parley/test-assertions";
import { missingNats } from "@parley/test-nats";
import { BitstringStatusList, decodeCredential } from "@parley/vc";
import { expect, it, onTestFinished } from "vitest";
import type { Layr8Node } from "../../src/layr8-node.ts";
import { startNode } from "../../src/node.ts";
import { KEY } from "../federation/pair.ts";
import { credentialOf, RestClient } from "../http/rest-client.ts";
import { useNats } from "./nats-servers.ts";

const ISSUER = "did:web:node.example:issuer";
const NODE_KEY = randomBytes(32);

describeUnless(missingNats(1), "status lists of nodes with the same data", () => {
  const nats = useNats(1);

  async function start(prefix: string, nodeName: string): Promise<{ node: Layr8Node; rest: RestClient }> {
    const shared = { nats: nats.urls, natsPrefix: prefix, nodeName, nodeKey: NODE_KEY, domain: "node.example" };
    const node = await startNode({ port: 0, logger: false, apiKeys: [{ key: KEY, dids: "any" }], ...shared });
    onTestFinished(() => node.close());
    return { node, rest: new RestClient(node, KEY) };
  }

  async function sign(rest: RestClient): Promise<string> {
    const body = { credential: credentialOf(ISSUER), issuer_did: ISSUER, revocable: true };
    return String((await rest.post("/api/v1/credentials/sign", body)).body?.["signed_credential"]);
  }

  async function set(rest: RestClient, signed: string, status: string): Promise<number> {
    // Without a signature to verify, any number of calls is in progress.
    const body = { issuer_did: ISSUER, credential_status: decodeCredential(signed).credential["credentialStatus"], status };
    return (await rest.post("/api/v1/credentials/status", body)).status;
  }

  function entryOf(signed: string): { list: string; index: number } {
    const [entry] = decodeCredential(signed).credential["credentialStatus"] as readonly JsonObject[];
    return { list: new URL(String(entry?.["statusListCredential"])).pathname, index: Number(entry?.["statusListIndex"]) };
  }

  /** What a verifier finds in the list that a node publishes. */
  async function isRevoked(node: Layr8Node, signed: string): Promise<boolean> {
    const { list, index } = entryOf(signed);
    const { credential } = decodeCredential(await (await fetch(node.httpUrl + list)).text());
    const { encodedList } = credential["credentialSubject"] as JsonObject;
    return (await BitstringStatusList.decode(String(encodedList), { id: list, statusPurpose: "revocation" })).get(index);
  }

  it("keep concurrent allocations and revocations of several nodes, and a restart of all", { timeout: 240_000 }, async () => {
    const prefix = nats.newPrefix();
    const [one, two] = [await start(prefix, "one"), await start(prefix, "two")];
    const nodes = [one, two];
    const credentials = await Promise.all(Array.from({ length: 60 }, (_, i) => sign(nodes[i % 2]?.rest ?? one.rest)));
    const places = credentials.map((signed) => JSON.stringify(entryOf(signed)));
    expect(new Set(places).size).toBe(60);
    // Each node revokes credentials that the other one has signed, at the same time.
    const revoking = credentials.slice(0, 40).map((signed, i) => set(nodes[(i + 1) % 2]?.rest ?? one.rest, signed, "revoked"));
    expect(await Promise.all(revoking)).toEqual(Array(40).fill(200));
    for (const { node } of nodes) {
      await expect
        .poll(() => Promise.all(credentials.map((signed) => isRevoked(node, signed))), { timeout: 60_000 })
        .toEqual(credentials.map((_, i) => i < 40));
    }
    // A revocation is final at every node.
    expect(await set(one.rest, credentials[0] ?? "", "valid")).toBe(409);
    expect(await set(two.rest, credentials[0] ?? "", "valid")).toBe(409);
    await Promise.all(nodes.map(({ node }) => node.close()));
    const again = await start(prefix, "one");
    expect(await Promise.all(credentials.map((signed) => isRevoked(again.node, signed)))).toEqual(credentials.map((_, i) => i < 40));
  });

  it("keep concurrent revocations in one block of a list", { timeout: 240_000 }, async () => {
    const prefix = nats.newPrefix();
    const [one, two] = [await start(prefix, "one"), await start(prefix, "two")];
    // 200 entries in 256 blocks: some share a block.
    const credentials = await Promise.all(Array.from({ length: 200 }, () => sign(one.rest)));
    const blocks = credentials.map((signed) => Math.floor(entryOf(signed).index / 512));
    expect(new Set(blocks).size).toBeLessThan(200);
    const outcomes = await Promise.all(credentials.map((signed, i) => set(i % 2 === 0 ? one.rest : two.rest, signed, "revoked")));
    expect(outcomes).toEqual(Array(200).fill(200));
    for (const { node } of [one, two]) {
      await expect.poll(() => Promise.all(credentials.map((signed) => isRevoked(node, signed))), { timeout: 60_000 }).not.toContain(false);
    }
  });
});
