import { freePort } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startNode } from "../../src/node.ts";
import type { NodeOptions } from "../../src/options.ts";
import { RawAgent } from "../raw-agent.ts";
import { BOB, OK, Pair, REPORT, toBob } from "./pair.ts";
import { agentsOfTwoDomains } from "./two-domains.ts";

let pair: Pair;

beforeEach(async () => {
  pair = await Pair.start();
});
afterEach(() => pair.close());

agentsOfTwoDomains(() => Pair.start());

describe("an unreachable node", () => {
  it("delays only its own senders", async () => {
    const port = await freePort();
    pair.hosts["dead.localhost"] = local(port);
    await pair.stop("a");
    await pair.open("a");
    const [alice, bob] = [await pair.alice(), await pair.bob()];
    const ids = Array.from({ length: 50 }, (_, index) => `m${index}`);
    for (const id of ids) {
      expect(await alice.send(toBob(`dead-${id}`, { to: [`did:web:dead.localhost:${id}`] }))).toEqual(OK);
      expect(await alice.send(toBob(id))).toEqual(OK);
    }
    for (const id of ids) expect((await bob.receive()).plaintext["id"]).toBe(id);
    await expect.poll(() => pair.metric("a", "federation_sent_total")).toBe(50);
    expect(await pair.metric("a", "outbound_messages")).toBe(50);
  });
});

describe("a limit of another node", () => {
  it("is reported to the sender of a message that is too large there", async () => {
    await pair.close();
    pair = await Pair.start({ b: { limits: { maxMessageLength: 1000 } } });
    const alice = await pair.alice();
    await pair.bob();
    await alice.send(toBob("1", { body: { text: "x".repeat(1000) } }));
    expect((await alice.receive()).plaintext).toMatchObject({
      type: REPORT,
      from: BOB,
      thid: "1",
      pthid: "1",
      body: { code: "e.p.xfer.refused" },
    });
  });
});

describe("recipients that can't be on another node are rejected immediately", () => {
  it.each([
    ["of this node's domain", "did:web:a.localhost:nobody", /^unknown recipient: did:web:a\.localhost:nobody: no agent/],
    ["of the node's own port", "did:web:localhost%3A%PORT:nobody", /^unknown recipient: did:web:localhost%3A\d+:nobody: no agent/],
    ["did:key", "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", /names no node/],
    ["another method", "did:example:bob", /by did:web only/],
    ["a loopback name", "did:web:localhost:bob", /no agent .*Its host is this machine.*--peer localhost=http/],
    ["a port of this machine", "did:web:localhost%3A65533:bob", /--peer localhost:65533=http:\/\/127\.0\.0\.1:65533, or resolution\.hosts/],
    ["an address", "did:web:127.0.0.1:bob", /no URL by the rules of did:web/],
    ["no DID", "bob", /bob is not a DID/],
  ])("%s", async (_, did, reason) => {
    const alice = await pair.alice();
    const reply = await alice.send(toBob("1", { to: [did.replace("%PORT", String(pair.ports.a))] }));
    expect(reply).toMatchObject({ status: "error", response: { reason: expect.stringMatching(reason) as string } });
    expect(await pair.metric("a", "outbound_messages")).toBe(0);
  });

  it("a sender whose key the node doesn't have", async () => {
    const own = await pair.agent("a", "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK");
    const reply = await own.send(toBob("1", { from: own.did }));
    expect(reply).toMatchObject({ status: "error", response: { reason: expect.stringMatching(/^unreachable: /) as string } });
  });
});

describe("nodes find each other", () => {
  const BASIC_MESSAGE = "https://didcomm.org/basicmessage/2.0/message";

  /** Starts two nodes, and sends a message from an agent on the first to one on the second. Resolves with the delivery. */
  async function hello(
    ports: readonly [number, number],
    [one, other]: readonly [NodeOptions, NodeOptions],
    [from, to]: readonly [string, string],
  ): Promise<unknown> {
    await using first = await startNode({ port: ports[0], logger: false, ...one });
    await using second = await startNode({ port: ports[1], logger: false, ...other });
    const [alice, bob] = [await RawAgent.join(first, { did: from }), await RawAgent.join(second, { did: to, protocols: ["*"] })];
    await alice.send({ id: "1", type: BASIC_MESSAGE, from, to: [to], body: { content: "Hello!" } });
    const { plaintext } = await bob.receive();
    alice.close();
    bob.close();
    return plaintext["body"];
  }

  let ports: readonly [number, number];
  beforeEach(async () => {
    ports = [await freePort(), await freePort()];
  });

  it("by a table, without a domain of their own", async () => {
    const resolution = { hosts: { "alice-test.localhost": local(ports[0]), "bob-test.localhost": local(ports[1]) } };
    const dids = ["did:web:alice-test.localhost:agent", "did:web:bob-test.localhost:agent"] as const;
    expect(await hello(ports, [{ resolution }, { resolution }], dids)).toEqual({ content: "Hello!" });
  });

  it("by ports of this machine, if that is allowed", async () => {
    const resolution = { allow: ["loopback"], httpForLoopback: true } as const;
    const dids = [`did:web:localhost%3A${ports[0]}:agent`, `did:web:localhost%3A${ports[1]}:agent`] as const;
    expect(await hello(ports, [{ resolution }, { resolution }], dids)).toEqual({ content: "Hello!" });
  });

  it("by names of one label, as in did:web:partner-node:agent", async () => {
    const resolution = { hosts: { "your-node": local(ports[0]), "partner-node": local(ports[1]) } };
    const options = [
      { domain: "your-node", resolution },
      { domain: "partner-node", resolution },
    ] as const;
    expect(await hello(ports, options, ["did:web:your-node:my-agent", "did:web:partner-node:agent"])).toEqual({ content: "Hello!" });
  });
});

function local(port: number): string {
  return `http://127.0.0.1:${port}`;
}
