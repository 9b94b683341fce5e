import type { MessageInit } from "@parley/core";
import { startNode, type Layr8Node } from "@parley/layr8-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  Client,
  decodeCredential,
  NotConnectedError,
  PhoenixTransport,
  ProblemReportError,
  verifyLocally,
  type Config,
} from "../src/index.ts";

const ORDER = "https://shop.example/orders/1.0";
const ACME = "did:web:localhost:acme";
const ERIN = "did:web:localhost:erin";
const SHOP = "did:web:localhost:shop";
const POLICIES = [{ did: SHOP, credentials: [{ type: "EmployeeCredential", issuers: [ACME] }] }];

let node: Layr8Node;
let clients: Client[];
let errors: unknown[];

function client(agentDid: string | undefined, config: Config = {}): Client {
  const made = new Client(
    { nodeUrl: node.url, apiKey: node.apiKey, ...(agentDid !== undefined && { agentDid }), ...config },
    (error) => void errors.push(error),
  );
  clients.push(made);
  return made;
}

beforeEach(async () => {
  [clients, errors] = [[], []];
  node = await startNode({ port: 0, logger: false, policies: POLICIES });
});

afterEach(async () => {
  await Promise.all(clients.map((made) => made.close()));
  await node.close();
});

describe("a client's credentials", () => {
  it("are signed, verified, stored, listed, fetched and presented, as its own DID where none is named", async () => {
    const erin = client(ERIN);
    const signed = await erin.signCredential({ credentialSubject: { id: ERIN, name: "Acme Corp" } });
    expect(decodeCredential(signed).credential).toMatchObject({ issuer: ERIN, type: ["VerifiableCredential"] });
    expect((await erin.verifyCredential(signed)).credential).toMatchObject({ credentialSubject: { id: ERIN, name: "Acme Corp" } });
    const stored = await erin.storeCredential(signed);
    expect(await erin.listCredentials()).toEqual([stored]);
    expect(await erin.getCredential(stored.id)).toMatchObject({ holderDid: ERIN, credentialJwt: signed });
    const presentation = await erin.signPresentation([signed], { nonce: "n-1", audience: ERIN });
    expect((await erin.verifyPresentation(presentation, { nonce: "n-1" })).presentation).toMatchObject({ holder: ERIN });
    await expect(erin.verifyPresentation(presentation, { nonce: "n-2" })).rejects.toMatchObject({
      name: "RestError",
      status: 422,
      code: "nonce_mismatch",
    });
  });

  it("are those of the DID that the node assigned, once it has", async () => {
    const guest = client(undefined);
    await expect(guest.listCredentials()).rejects.toBeInstanceOf(NotConnectedError);
    await guest.connect();
    expect(decodeCredential(await guest.signCredential({ credentialSubject: { id: ERIN } })).credential["issuer"]).toBe(guest.did);
  });

  it("work on a shared transport if the client has the node's URL, and name the missing option otherwise", async () => {
    const transport = new PhoenixTransport({ nodeUrl: node.url, apiKey: node.apiKey ?? "" });
    await expect(client(ERIN, { transport }).listCredentials()).resolves.toEqual([]);
    const bare = new Client({ transport, agentDid: ERIN }, () => undefined);
    clients.push(bare);
    await expect(bare.listCredentials()).rejects.toThrow("Config.nodeUrl is missing");
  });

  it("are out of reach once it is closed", async () => {
    const erin = client(ERIN);
    await erin.listCredentials();
    await erin.close();
    await expect(erin.listCredentials()).rejects.toMatchObject({ name: "RestError", code: "closed" });
  });
});

it("a DID of this machine is verified locally if its host is configured", async () => {
  const erin = client(ERIN);
  const signed = await erin.signCredential({ credentialSubject: { id: ERIN } });
  const refusal = /did:web:localhost:erin could not be resolved: refused_address \(.*resolution\.hosts\)/;
  await expect(verifyLocally(signed)).rejects.toThrow(refusal);
  const hosts = { localhost: node.url.replace(/^ws(:\/\/[^/]+).*/, "http$1") };
  expect(await verifyLocally(signed, { resolution: { hosts } })).toMatchObject({ kind: "credential", issuer: ERIN });
});

describe("presenting credentials with a message", () => {
  it("shows them to the handler, verified", async () => {
    const shop = client(SHOP);
    shop.handle(`${ORDER}/create`, ({ context }) => ({ type: `${ORDER}/created`, body: { context } }));
    const erin = client(ERIN);
    await Promise.all([shop.connect(), erin.connect()]);
    const signed = await client(ACME).signCredential({
      id: "urn:uuid:1",
      type: "EmployeeCredential",
      validUntil: "2099-01-01T00:00:00Z",
      credentialSubject: { id: ERIN, name: "Erin" },
    });
    const answer = await erin.request(await erin.present({ type: `${ORDER}/create`, to: SHOP, body: { item: "tea" } }, [signed]));
    expect(answer.body["context"]).toEqual({
      recipient: SHOP,
      authorized: true,
      attempt: 1,
      replyExpected: true,
      senderCredentials: [
        {
          credentialSubject: { id: ERIN, name: "Erin" },
          issuer: ACME,
          type: ["VerifiableCredential", "EmployeeCredential"],
          id: "urn:uuid:1",
          validUntil: "2099-01-01T00:00:00Z",
        },
      ],
    });
    expect(errors).toEqual([]);
  });

  it("satisfies a policy; without them, request fails with a problem report, and a report about send reaches the error handler", async () => {
    const shop = client(SHOP);
    shop.handle(`${ORDER}/create`, () => undefined);
    const erin = client(ERIN);
    await Promise.all([shop.connect(), erin.connect()]);
    const order = { type: `${ORDER}/create`, to: SHOP };
    const denied = await erin.request(order).catch((error: unknown) => error);
    expect(denied).toBeInstanceOf(ProblemReportError);
    expect(denied).toMatchObject({
      code: "e.m.authz.denied",
      message: expect.stringContaining(`EmployeeCredential from ${ACME}`) as string,
    });
    await erin.send(order);
    await expect.poll(() => errors).toMatchObject([{ kind: "server_reject", cause: { code: "e.m.authz.denied" } }]);
  });

  it("keeps the message's own attachments, and needs a recipient", async () => {
    const erin = client(ERIN);
    const signed = await erin.signCredential({ credentialSubject: { id: ERIN } });
    const picture = { mediaType: "image/png", data: { base64: "AAAA" } };
    const message = await erin.present({ type: `${ORDER}/create`, to: [SHOP, ACME], attachments: [picture], id: "order-1" }, [signed]);
    expect(message).toMatchObject({
      id: "order-1",
      from: ERIN,
      to: [SHOP, ACME],
      attachments: [picture, { mediaType: "application/vp+jwt" }],
    });
    await expect(erin.present({ type: `${ORDER}/create` }, [signed])).rejects.toThrow("needs its recipients");
    await expect(erin.present({ type: `${ORDER}/create`, to: "shop" }, [signed])).rejects.toThrow('"shop" is not one');
    await expect(erin.present({ typ: `${ORDER}/create`, to: SHOP } as unknown as MessageInit, [signed])).rejects.toThrow(
      'mean "message.type"',
    );
    await expect(erin.present(undefined as unknown as MessageInit, [signed])).rejects.toThrow("A message must be an object");
  });
});
