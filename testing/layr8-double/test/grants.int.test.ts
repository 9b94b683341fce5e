import type { JsonObject } from "@parley/core";
import { describeUnless } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Client } from "layr8";
import { missingPython, type DoubleAgent } from "../src/index.ts";
import { grantFor, REPORT, Scene } from "./scene.ts";

const ORDER = "https://shop.example/orders/1.0";
const OWNER = "did:web:localhost:owner";
const ALICE = "did:web:localhost:alice";
const SHOP = "did:web:localhost:shop";
const OTHER = "did:web:localhost:other";
const MALLORY = "did:web:localhost:mallory";

describeUnless(missingPython(), "grants that agents of layr8's SDKs attach", () => {
  let scene: Scene;
  let owner: Client;
  let alice: DoubleAgent;

  beforeEach(async () => {
    scene = await Scene.open({
      policies: [{ did: "did:web:localhost:*", protocols: [ORDER], allow: [SHOP, OTHER], grantIssuers: [OWNER] }],
    });
    owner = scene.client(OWNER);
    const done = { type: `${ORDER}/create`, action: "reply" as const, replyType: `${ORDER}/done` };
    for (const did of [SHOP, OTHER]) await scene.double({ generation: "python", did, handlers: [done] });
    alice = await scene.double({ did: ALICE });
  });

  afterEach(() => scene.close());

  const order = (from: DoubleAgent, to = SHOP, more: object = {}): Promise<Readonly<Record<string, unknown>>> =>
    from.request({ type: `${ORDER}/create`, to: [to], body: {}, ...more }, { grants: true });

  /** Signs a grant of the owner for Alice, and stores it for her. */
  async function grant(scope: JsonObject = {}, more: JsonObject = {}, subject: JsonObject = {}, revocable = false): Promise<string> {
    const credential = grantFor(ALICE, { protocol: ORDER, messageTypes: ["create"], resource: SHOP, ...scope }, more, subject);
    const signed = await owner.signCredential(credential, { revocable });
    await owner.storeCredential(signed, { holderDid: ALICE });
    return signed;
  }

  /** The codes with which the next denial explains the grants of a message. */
  async function codesOf(answer: Readonly<Record<string, unknown>>): Promise<string[]> {
    expect(answer).toMatchObject({ type: REPORT, from: SHOP, body: { code: "e.m.authz.denied" } });
    const [decision] = answer["attachments"] as [{ data: { json: { reason: string; grants: { code: string }[] } } }];
    return [decision.data.json.reason, ...decision.data.json.grants.map(({ code }) => code)];
  }

  it("permit what they cover", async () => {
    await grant();
    expect(await order(alice)).toMatchObject({ type: `${ORDER}/done`, from: SHOP });
  });

  it.each<[what: string, scope: JsonObject]>([
    ["every protocol and message", { protocol: "*", messageTypes: ["*"] }],
    ["no resource", { resource: null }],
    ["all below the recipient's host", { resource: "*" }],
  ])("permit it with a scope of %s", async (_, scope) => {
    await grant(scope);
    expect(await order(alice)).toMatchObject({ type: `${ORDER}/done` });
  });

  it("are missed by a message without them, and the agent is told", async () => {
    expect(await codesOf(await order(alice))).toEqual(["no_grant"]);
    expect(await alice.event("grant-miss")).toMatchObject({ denialCode: "e.m.authz.denied", to: [SHOP] });
  });

  it("are not attached to a message for another resource, which is denied", async () => {
    await grant();
    const answer = await order(alice, OTHER);
    expect(answer).toMatchObject({ type: REPORT, from: OTHER, body: { code: "e.m.authz.denied" } });
    await alice.event("grant-miss");
  });

  it("are attached after they have expired, and denied", async () => {
    await grant({}, { validFrom: "2020-01-01T00:00:00Z", validUntil: "2021-01-01T00:00:00Z" });
    expect(await codesOf(await order(alice))).toEqual(["grant_not_applicable", "expired"]);
  });

  it("are denied once they are suspended or revoked, and permit again in between", async () => {
    const signed = await grant({}, {}, {}, true);
    expect(await order(alice)).toMatchObject({ type: `${ORDER}/done` });
    await owner.setCredentialStatus(signed, "suspended");
    expect(await codesOf(await order(alice))).toEqual(["grant_not_applicable", "suspended"]);
    await owner.setCredentialStatus(signed, "valid");
    expect(await order(alice)).toMatchObject({ type: `${ORDER}/done` });
    await owner.setCredentialStatus(signed, "revoked");
    expect(await codesOf(await order(alice))).toEqual(["grant_not_applicable", "revoked"]);
  });

  it("permit together what one of several permits", async () => {
    await grant({ messageTypes: ["cancel"] });
    await grant({ resource: OTHER });
    await grant();
    expect(await order(alice)).toMatchObject({ type: `${ORDER}/done` });
    expect(await order(alice, OTHER)).toMatchObject({ type: `${ORDER}/done` });
  });

  it("are of no use to another agent, which attaches a copy", async () => {
    const signed = await grant();
    const mallory = await scene.double({ generation: "go", did: MALLORY });
    const attachments = [{ id: "copy", media_type: "application/vc+jwt", data: { jws: signed } }];
    expect(await codesOf(await order(mallory, SHOP, { attachments }))).toEqual(["grant_not_applicable", "holder_mismatch"]);
  });

  it("are added to credentials about the sender, and not to other attachments", async () => {
    await grant();
    const identity = await owner.signCredential({ type: ["EmployeeCredential"], credentialSubject: { id: ALICE } });
    const attach = (jws: string): object => ({ attachments: [{ id: "own", media_type: "application/vc+jwt", data: { jws } }] });
    expect(await order(alice, SHOP, attach(identity))).toMatchObject({ type: `${ORDER}/done` });
    const other = await owner.signCredential(grantFor(ALICE, { protocol: "*", messageTypes: ["cancel"] }));
    expect(await codesOf(await order(alice, SHOP, attach(other)))).toEqual(["grant_not_applicable", "message_type_not_covered"]);
  });

  describe("that have constraints", () => {
    it.each<[what: string, constraints: JsonObject]>([
      ["rego", { rego: "package grant\nallow = true" }],
      ["credentials of the sender", { senderCredentials: [{ type: "EmployeeCredential" }] }],
    ])("permit nothing with %s", async (_, constraints) => {
      await grant({}, {}, { constraints });
      expect(await codesOf(await order(alice))).toEqual(["grant_not_applicable", "constraint_not_supported"]);
    });
  });

  it("of Parley's agents are attached alike, and denials reach both in the same form", async () => {
    await grant();
    await alice.close();
    const parley = await scene.client(ALICE, { attachGrants: true }).connect();
    expect((await parley.request({ type: `${ORDER}/create`, to: SHOP, body: {} })).type).toBe(`${ORDER}/done`);
    const denied = parley.request({ type: `${ORDER}/create`, to: OTHER, body: {} });
    await expect(denied).rejects.toMatchObject({ code: "e.m.authz.denied" });
  });
});
