import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import type { Attachment, JsonObject } from "@parley/core";
import { startNode, type Layr8Node } from "@parley/layr8-node";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import {
  Client,
  identityAttachment,
  isIdentityAttachment,
  PhoenixTransport,
  ServerRejectError,
  type Config,
  type GrantMissInfo,
} from "../src/index.ts";

const ORDER = "https://shop.example/orders/1.0";
const OPEN = "https://shop.example/open/1.0";
const OWNER = "did:web:localhost:owner";
const ERIN = "did:web:localhost:erin";
const SHOP = "did:web:localhost:shop";
const KEY = "a-key-that-may-bind-any-did";

let node: Layr8Node;
let clients: Client[];
let misses: GrantMissInfo[];
/** Attachments of the messages that the shop has received. */
let received: (readonly Attachment[] | undefined)[];

function client(agentDid: string, config: Config = {}): Client {
  const made = new Client(
    { nodeUrl: node.url, apiKey: KEY, agentDid, onGrantMiss: (miss) => void misses.push(miss), ...config },
    () => undefined,
  );
  clients.push(made);
  return made;
}

beforeEach(async () => {
  [clients, misses, received] = [[], [], []];
  const policies = [{ did: SHOP, protocols: [ORDER], grantIssuers: [OWNER] }];
  node = await startNode({ port: 0, logger: false, apiKeys: [{ key: KEY, dids: "any" }], policies });
  const shop = client(SHOP, { attachGrants: false });
  for (const type of [`${ORDER}/create`, `${OPEN}/create`]) {
    shop.handle(type, (message) => {
      received.push(message.attachments);
      return { type: `${type}d`, body: {} };
    });
  }
  await shop.connect();
});

afterEach(async () => {
  await Promise.all(clients.map((made) => made.close()));
  await node.close();
});

/** Stores a grant in Erin's store, as its owner would. */
async function grantErin(id = "urn:x:1", subject: JsonObject = {}): Promise<string> {
  const owner = client(OWNER);
  const signed = await owner.signCredential({
    id,
    type: ["VerifiableCredential", "VerifiableGrant"],
    credentialSubject: { id: ERIN, scope: [{ protocol: ORDER, messageTypes: ["create"], resource: SHOP }], ...subject },
  });
  await owner.storeCredential(signed, { holderDid: ERIN });
  return signed;
}

async function identity(): Promise<string> {
  return client(OWNER).signCredential({ id: "urn:x:employee", type: ["EmployeeCredential"], credentialSubject: { id: ERIN } });
}

const order = { type: `${ORDER}/create`, to: SHOP, body: {} };
const grantOf = (signed: string, id = "urn:x:1"): Attachment => ({ id, mediaType: "application/vc+jwt", data: { jws: signed } });

describe("a client with a grant in its store", () => {
  it("attaches it to a request that it covers, and to nothing else", async () => {
    const signed = await grantErin();
    const erin = await client(ERIN).connect();
    expect((await erin.request(order)).type).toBe(`${ORDER}/created`);
    await erin.request({ ...order, type: `${OPEN}/create` });
    expect(received).toEqual([[grantOf(signed)], undefined]);
    expect(misses).toEqual([]);
  });

  it("attaches it to sent messages and to replies of its handlers", async () => {
    const signed = await grantErin();
    const erin = client(ERIN);
    erin.handle(`${OPEN}/ask`, () => order);
    await erin.connect();
    const [shop] = clients;
    await shop?.send({ type: `${OPEN}/ask`, to: ERIN, body: {} });
    await expect.poll(() => received).toEqual([[grantOf(signed)]]);
    await erin.send(order);
    await expect.poll(() => received).toEqual([[grantOf(signed)], [grantOf(signed)]]);
  });

  it("does not attach it where the program attaches something else, or has turned it off", async () => {
    await grantErin();
    const erin = await client(ERIN).connect();
    const own: Attachment = { id: "mine", mediaType: "application/json", data: { json: 1 } };
    await erin.request({ ...order, type: `${OPEN}/create`, attachments: [own] });
    await expect(erin.request({ ...order, attachments: [own] })).rejects.toMatchObject({ code: "e.m.authz.denied" });
    await erin.close();
    const without = await client(ERIN, { attachGrants: false }).connect();
    await expect(without.request(order)).rejects.toMatchObject({ code: "e.m.authz.denied" });
    expect(received).toEqual([[own]]);
    expect(misses).toEqual([]);
  });

  it("attaches it beside credentials that identify the agent", async () => {
    const signed = await grantErin();
    const employee = await identity();
    const erin = await client(ERIN).connect();
    await erin.request({ ...order, attachments: [identityAttachment(employee)] });
    await erin.request(await erin.present(order, [employee]));
    expect(received).toEqual([
      [grantOf(employee, "urn:x:employee"), grantOf(signed)],
      [expect.objectContaining({ format: "sender_presentation/1" }), grantOf(signed)],
    ]);
    await expect(erin.request({ ...order, attachments: [identityAttachment(employee), grantOf("a.b.c", "mine")] })).rejects.toMatchObject({
      code: "e.m.authz.denied",
      attachments: [
        expect.objectContaining({
          id: "helix-decision",
          data: {
            json: expect.objectContaining({
              grants: [
                expect.objectContaining({ attachment: "urn:x:employee", code: "not_a_grant" }),
                expect.objectContaining({ attachment: "mine", code: "malformed" }),
              ],
            }) as unknown,
          },
        }),
      ],
    });
  });

  it("attaches at most 16, and reports the others", async () => {
    for (let n = 0; n < 18; n++) await grantErin(`urn:x:${n}`);
    const erin = await client(ERIN).connect();
    await erin.request(order);
    expect(received[0]).toHaveLength(16);
    expect(misses).toEqual([{ to: [SHOP], type: order.type, capped: { covering: 18, attached: 16 } }]);
  });
});

describe("a client without a grant", () => {
  it("reports a denial, not each message that needs none, and sees a new grant after a refresh", async () => {
    const erin = await client(ERIN).connect();
    for (let n = 0; n < 3; n++) await erin.request({ ...order, type: `${OPEN}/create` });
    expect(misses).toEqual([]);
    await expect(erin.request(order)).rejects.toMatchObject({ code: "e.m.authz.denied" });
    expect(misses).toEqual([{ to: [SHOP], type: order.type, denialCode: "e.m.authz.denied" }]);
    await grantErin();
    await expect(erin.request(order)).rejects.toMatchObject({ code: "e.m.authz.denied" });
    erin.refreshGrants();
    await erin.request(order);
    expect(misses).toHaveLength(2);
  });

  it("reports with a denial why the grants in its store do not cover the message", async () => {
    const scope = [{ protocol: ORDER, messageTypes: ["cancel"], resource: SHOP }];
    await grantErin("urn:x:cancel", { scope });
    await grantErin("urn:x:elsewhere", { scope: [{ ...scope[0], messageTypes: ["create"], resource: OWNER }] });
    await grantErin("urn:x:malformed", { scope: { protocol: ORDER } });
    const erin = await client(ERIN).connect();
    await erin.storeCredential(await identity());
    await expect(erin.request(order)).rejects.toMatchObject({ code: "e.m.authz.denied" });
    expect(misses).toEqual([
      {
        to: [SHOP],
        type: order.type,
        denialCode: "e.m.authz.denied",
        unsuitable: [
          { id: "urn:x:cancel", code: "message_type_not_covered", detail: "its scope names the protocol, but not the message create" },
          { id: "urn:x:elsewhere", code: "resource_not_covered", detail: `its scope names the message, but not the resource ${SHOP}` },
          {
            id: "urn:x:malformed",
            code: "grant_invalid",
            detail: expect.stringContaining("credentialSubject.scope must be a list") as string,
          },
        ],
      },
    ]);
  });

  it("does not report a denial of a message with a grant", async () => {
    await grantErin("urn:x:other", { constraints: { rego: "allow = true" } });
    const erin = await client(ERIN).connect();
    await expect(erin.request(order)).rejects.toMatchObject({ code: "e.m.authz.denied" });
    expect(misses).toEqual([]);
  });

  it("may be refused only for now: the error is retryable", async () => {
    const statusListCredential = "https://unknown.invalid/1";
    const owner = client(OWNER);
    const signed = await owner.signCredential({
      type: ["VerifiableGrant"],
      credentialStatus: { type: "BitstringStatusListEntry", statusPurpose: "revocation", statusListIndex: "1", statusListCredential },
      credentialSubject: { id: ERIN, scope: [{ protocol: ORDER, messageTypes: ["create"] }] },
    });
    await owner.storeCredential(signed, { holderDid: ERIN });
    const erin = await client(ERIN).connect();
    const error: unknown = await erin.request(order).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ServerRejectError);
    expect(error).toMatchObject({ code: "server_reject", problemCode: "e.p.me.res.net", retryable: true });
  });

  it("reports errors of onGrantMiss to the error handler", async () => {
    const errors: unknown[] = [];
    const config = { nodeUrl: node.url, apiKey: KEY, agentDid: ERIN };
    const failing = (): never => {
      throw new Error("broken");
    };
    const erin = new Client({ ...config, onGrantMiss: failing }, (error) => void errors.push(error));
    clients.push(erin);
    await erin.connect();
    await expect(erin.request(order)).rejects.toMatchObject({ code: "e.m.authz.denied" });
    expect(errors).toMatchObject([{ kind: "handler_exception", cause: { message: "broken" } }]);
  });
});

describe("a client with a grant for a helper", () => {
  const HELPER = `${ERIN}:helper`;

  it("derives one that permits less, which the helper attaches", async () => {
    const signed = await grantErin();
    const erin = client(ERIN);
    const scope = [{ protocol: ORDER, messageTypes: ["create"], resource: SHOP }];
    const derived = await erin.delegateGrant(signed, { holderDid: HELPER, scope, validUntil: new Date(Date.now() + 3_600_000) });
    await erin.storeCredential(derived, { holderDid: HELPER });
    const helper = await client(HELPER).connect();
    expect((await helper.request(order)).type).toBe(`${ORDER}/created`);
    const narrow = await erin.delegateGrant(signed, { holderDid: `${ERIN}:reader`, scope: [{ protocol: ORDER, messageTypes: ["read"] }] });
    await erin.storeCredential(narrow, { holderDid: `${ERIN}:reader` });
    const reader = await client(`${ERIN}:reader`).connect();
    await expect(reader.request(order)).rejects.toMatchObject({ code: "e.m.authz.denied" });
  });

  it.each<[string, object, string]>([
    ["no grant", { holderDid: HELPER }, "needs a grant"],
    ["grant", { holderDid: "did:web:localhost:other" }, `directly below the holder of the grant: ${ERIN}:<name>`],
    ["grant", { holderDid: `${ERIN}:a:b` }, "directly below"],
    ["grant", { holder: HELPER }, 'Unknown option "holder"'],
  ])("needs a grant and a DID directly below its holder: %s %j", async (what, options, message) => {
    const signed = what === "grant" ? await grantErin() : await identity();
    await expect(client(ERIN).delegateGrant(signed, options as never)).rejects.toThrow(message);
  });
});

describe("a node whose credentials can't be read", () => {
  /** The URL of a server that accepts connections and never answers. */
  async function silentServer(): Promise<string> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it("delays messages for a limited time once, keeps their order, and is reported", async () => {
    const transport = new PhoenixTransport({ nodeUrl: node.url, apiKey: KEY });
    const erin = await client(ERIN, { nodeUrl: await silentServer(), transport, grantReadTimeoutMs: 50 }).connect();
    const own: Attachment = { id: "mine", mediaType: "application/json", data: { json: 1 } };
    const open = { ...order, type: `${OPEN}/create` };
    await Promise.all([erin.send(open), erin.send({ ...open, attachments: [own] }), erin.send(open)]);
    await expect.poll(() => received).toEqual([undefined, [own], undefined]);
    expect(misses).toMatchObject([{ type: open.type, error: { name: "TimeoutError" } }, { error: { name: "TimeoutError" } }]);
  });
});

describe("an identity attachment", () => {
  it("is a credential without a scope", async () => {
    const signed = await identity();
    expect(identityAttachment(signed)).toEqual(grantOf(signed, "urn:x:employee"));
    expect(isIdentityAttachment(grantOf(signed))).toBe(true);
    const granted = await grantErin();
    expect(() => identityAttachment(granted)).toThrow("Verifiable Grant");
    expect(isIdentityAttachment(grantOf(granted))).toBe(false);
    expect(isIdentityAttachment({ ...grantOf(signed), mediaType: "application/vp+jwt" })).toBe(false);
  });

  it.each(["", "not-a-jws", "a.b.", "..", "a.b.c", `e30.${Buffer.from("42").toString("base64url")}.c2ln`])(
    "is not a text whose claims can't be read: %j",
    (text) => {
      expect(() => identityAttachment(text)).toThrow("compact JWS");
      expect(isIdentityAttachment(grantOf(text))).toBe(false);
    },
  );
});

describe("options about grants", () => {
  it.each<[unknown, string]>([
    [{ attachGrants: 1 }, "Config.attachGrants must be true or false"],
    [{ onGrantMiss: "log" }, "Config.onGrantMiss must be a function"],
    [{ grantCacheMs: -1 }, "grantCacheMs"],
    [{ grantReadTimeoutMs: "2" }, "grantReadTimeoutMs"],
    [{ onGrantMis: () => undefined }, 'Did you mean "onGrantMiss"?'],
  ])("are checked: %j", (config, message) => {
    expect(() => client(ERIN, config as Config)).toThrow(message);
  });
});
