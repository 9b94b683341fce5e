import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { JsonObject } from "@parley/core";
import { Harness } from "./harness.ts";
import { Partner, take } from "./partner.ts";

let harness: Harness;
let node: Partner;

beforeEach(async () => {
  harness = new Harness();
  node = await harness.partner();
});
afterEach(() => harness.close());

const URI = "http://node-1.localhost/didcomm";

describe("a recipient's endpoint", () => {
  it.each<[string, JsonObject | string | readonly (JsonObject | string)[]]>([
    ["as an object", { uri: URI, accept: ["didcomm/v2"] }],
    ["as a text", URI],
    ["as a list", [{ uri: URI }]],
    ["with other profiles in addition", { uri: URI, accept: ["didcomm/aip2;env=rfc587", "didcomm/v2;opt=1"] }],
    ["after unusable ones", ["wss://node-1.localhost/didcomm", { uri: URI, accept: ["didcomm/aip2"] }, "http://other.example/", URI]],
    ["at an origin of the table of hosts", [{ uri: "@origin/didcomm" }]],
  ])("is found %s", async (_, endpoint) => {
    const bob = node.agent("bob");
    harness.world.setEndpoint(bob, JSON.parse(JSON.stringify(endpoint).replace("@origin", node.origin)) as JsonObject);
    const id = await harness.send(harness.open(), bob);
    await harness.until(() => harness.delivered.length === 1);
    expect(node.ids).toEqual([id]);
  });

  it.each<[string, JsonObject | string | readonly (JsonObject | string)[] | undefined]>([
    ["no service", undefined],
    ["no entry", []],
    ["a WebSocket only", "wss://node-1.localhost/didcomm"],
    ["another profile only", { uri: URI, accept: ["didcomm/aip1", "didcomm/v20"] }],
    ["plain http elsewhere", "http://partner.example/didcomm"],
    ["plain http to a loopback address", "http://127.0.0.1:1/didcomm"],
    ["a password", "http://user:secret@node-1.localhost/didcomm"],
    [
      "too many mediators",
      { uri: URI, routingKeys: ["did:web:a.example#1", "did:web:b.example#1", "did:web:c.example#1", "did:web:d.example#1"] },
    ],
    ["a routing key that is not a DID URL", { uri: URI, routingKeys: ["z6MkhaXg"] }],
  ])("makes the message undeliverable after a second resolution: %s", async (_, endpoint) => {
    const bob = node.agent("bob");
    harness.world.setEndpoint(bob, endpoint);
    await harness.send(harness.open(), bob);
    await harness.until(() => harness.dead.length === 1);
    expect(harness.dead[0]?.cause.code).toBe("unreachable");
    expect(harness.dead[0]?.cause.comment).not.toContain("secret");
    expect(node.lookups).toEqual(["/bob/did.json", "/bob/did.json"]);
    expect(node.arrivals).toEqual([]);
  });

  it.each([
    ["a loopback address", "https://127.0.0.1:1/didcomm"],
    ["a mapped address", "https://[::ffff:10.0.0.1]/didcomm"],
    ["a private address", "https://10.1.2.3/didcomm"],
    ["the address of a cloud's metadata", "https://169.254.169.254/latest"],
    ["a number that is an address", "https://2130706433/didcomm"],
    ["a name of this machine", "https://localhost:1/didcomm"],
    ["a name below it", "https://x.localhost:1/didcomm"],
  ])("is not asked at %s", async (_, uri) => {
    const bob = node.agent("bob");
    harness.world.setEndpoint(bob, uri);
    await harness.send(harness.open(), bob);
    await harness.until(() => harness.dead.length === 1);
    expect(harness.dead).toMatchObject([{ cause: { code: "unreachable", comment: expect.stringContaining("is not allowed") } }]);
  });

  it.each(["127.0.0.1", "localhost", "bob.localhost"])("may be on this machine over http, where that is allowed: %s", async (host) => {
    const bob = node.agent("bob");
    harness.world.setEndpoint(bob, `http://${host}:${node.port}/didcomm`);
    await harness.send(harness.open({ resolution: { allow: ["loopback"], httpForLoopback: true } }), bob);
    await harness.until(() => harness.delivered.length === 1);
    expect(node.arrivals).toHaveLength(1);
  });

  it("is resolved again after a rejection, because it may have moved", async () => {
    const other = await harness.partner();
    const bob = node.agent("bob");
    const queue = harness.open({ limits: { secondLookMs: 0 } });
    const first = await harness.send(queue, bob);
    await harness.until(() => harness.delivered.length === 1);
    node.answer = (_, response) => response.writeHead(410).end();
    harness.world.setEndpoint(bob, "http://node-2.localhost/didcomm");
    const second = await harness.send(queue, bob);
    await harness.until(() => harness.delivered.length === 2);
    expect([node.ids, other.ids]).toEqual([[first, second], [second]]);
    expect(harness.dead).toEqual([]);
  });

  it("is resolved again after a rejection, because its key may be new", async () => {
    const bob = node.agent("bob");
    const queue = harness.open({ limits: { secondLookMs: 0 } });
    await harness.send(queue, bob);
    await harness.until(() => harness.delivered.length === 1);
    harness.world.create(bob, "http://node-1.localhost");
    const second = await harness.send(queue, bob);
    // With the former key it can't be read, which the node answers with 400.
    await harness.until(() => harness.delivered.length === 2);
    expect(node.ids.at(-1)).toBe(second);
  });

  it("is not posted to again after a rejection if the document is unchanged", async () => {
    const bob = node.agent("bob");
    node.answer = (_, response) => response.writeHead(404).end();
    await harness.send(harness.open(), bob);
    await harness.until(() => harness.dead.length === 1);
    expect(node.arrivals).toHaveLength(1);
    expect(harness.dead).toMatchObject([{ cause: { code: "refused", status: 404 } }]);
  });
});

describe("a recipient's document", () => {
  it("is resolved twice if it does not exist", async () => {
    await harness.send(harness.open(), "did:web:node-1.localhost:nobody");
    await harness.until(() => harness.dead.length === 1);
    expect(node.lookups).toEqual(["/nobody/did.json", "/nobody/did.json"]);
    expect(harness.dead).toMatchObject([{ cause: { code: "unresolved", comment: expect.stringContaining("no document for this DID") } }]);
  });

  it("is found at the second resolution", async () => {
    const bob = "did:web:node-1.localhost:bob";
    const queue = harness.open();
    await harness.send(queue, bob);
    await harness.until(() => harness.retried.length === 1);
    node.agent("bob");
    await harness.until(() => harness.delivered.length === 1);
    expect(node.arrivals).toHaveLength(1);
  });

  it.each(["did:web:127.0.0.1:bob", "did:example:bob", "did:web:..", "nobody"])(
    "is not resolved again if it cannot exist: %s",
    async (did) => {
      await harness.send(harness.open(), did);
      await harness.until(() => harness.dead.length === 1);
      expect(harness.dead).toMatchObject([{ cause: { code: "unresolved" } }]);
      expect(harness.retried).toEqual([]);
    },
  );

  it("is resolved again after a temporary failure", async () => {
    const bob = node.agent("bob");
    const queue = harness.open();
    const { port } = node;
    await node.stop();
    await harness.send(queue, bob);
    await harness.until(() => harness.retried.length >= 2);
    await node.listen(port);
    // Sooner than the resolver would retry, which caches failures for five seconds.
    await harness.until(() => harness.delivered.length === 1);
    expect(harness.dead).toEqual([]);
  });

  it("without a suitable key makes the message undeliverable", async () => {
    const bob = node.agent("bob");
    const { keyAgreement: _, ...document } = harness.world.documents.get(bob) ?? {};
    harness.world.documents.set(bob, document);
    await harness.send(harness.open(), bob);
    await harness.until(() => harness.dead.length === 1);
    expect(harness.dead).toMatchObject([{ cause: { code: "no_key" } }]);
  });

  it("is not resolved for an invalid plaintext", async () => {
    const bob = node.agent("bob");
    await harness.send(harness.open(), bob, { plaintext: "{" });
    await harness.until(() => harness.dead.length === 1);
    expect(harness.dead).toMatchObject([{ cause: { code: "failed" } }]);
  });
});

describe("mediators", () => {
  interface Forward {
    readonly body: { readonly next: string };
    readonly attachments: readonly { readonly data: { readonly json: object } }[];
  }

  /** Opens forwards until the innermost message comes out. Returns who each was for. */
  async function unwrap(
    first: Partner["arrivals"][number],
  ): Promise<{ readonly path: string[]; readonly id: string; readonly sender: string | undefined }> {
    const path: string[] = [];
    let { plaintext, recipient, id, sender } = first;
    while ((JSON.parse(plaintext) as { type: string }).type === "https://didcomm.org/routing/2.0/forward") {
      const { body, attachments } = JSON.parse(plaintext) as Forward;
      const unpacked = await harness.world.crypto.unpack(JSON.stringify(attachments[0]?.data.json));
      path.push(`${recipient} → ${body.next}`);
      expect(sender).toBeUndefined();
      plaintext = Buffer.from(unpacked.plaintext).toString();
      ({ sender } = unpacked);
      [recipient] = unpacked.message.to;
      ({ id } = unpacked.message);
    }
    return { path, id, sender };
  }

  it("get the message in the order of the routing keys, encrypted for each", async () => {
    const [bob, one, two] = [node.agent("bob"), node.agent("one"), node.agent("two")];
    harness.world.setEndpoint(bob, { uri: URI, accept: ["didcomm/v2"], routingKeys: [`${one}#agreement`, `${two}#agreement`] });
    const id = await harness.send(harness.open(), bob);
    await harness.until(() => harness.delivered.length === 1);
    const [arrival] = node.arrivals;
    expect(arrival && (await unwrap(arrival))).toEqual({ path: [`${one} → ${two}`, `${two} → ${bob}`], id, sender: harness.alice });
  });

  it("can be named by a DID as the endpoint, and come first then", async () => {
    const [bob, one, two] = [node.agent("bob"), node.agent("one"), node.agent("two")];
    harness.world.setEndpoint(bob, { uri: one, routingKeys: [`${two}#agreement`] });
    const id = await harness.send(harness.open(), bob);
    await harness.until(() => harness.delivered.length === 1);
    const [arrival] = node.arrivals;
    expect(arrival && (await unwrap(arrival))).toEqual({ path: [`${one} → ${two}`, `${two} → ${bob}`], id, sender: harness.alice });
  });

  it("with mediators of their own are not used", async () => {
    const [bob, one, two] = [node.agent("bob"), node.agent("one"), node.agent("two")];
    harness.world.setEndpoint(bob, { uri: one });
    harness.world.setEndpoint(one, { uri: two });
    await harness.send(harness.open(), bob);
    await harness.until(() => harness.dead.length === 1);
    expect(harness.dead).toMatchObject([{ cause: { code: "unreachable" } }]);
  });

  it("that don't exist make the message undeliverable", async () => {
    const bob = node.agent("bob");
    harness.world.setEndpoint(bob, { uri: URI, routingKeys: ["did:web:node-1.localhost:nobody#agreement"] });
    node.answer = take;
    await harness.send(harness.open(), bob);
    await harness.until(() => harness.dead.length === 1);
    expect(harness.dead).toMatchObject([{ cause: { code: "unresolved" } }]);
  });
});
