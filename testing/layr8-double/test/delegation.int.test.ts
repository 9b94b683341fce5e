import type { JsonObject } from "@parley/core";
import { describeUnless } from "@parley/test-assertions";
import type { Client } from "layr8";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { missingPython, type DoubleAgent } from "../src/index.ts";
import { grantFor, KEY, REPORT, Scene } from "./scene.ts";

const ORDER = "https://shop.example/orders/1.0";
const OWNER = "did:web:localhost:owner";
const ALICE = "did:web:localhost:alice";
const CHILD = `${ALICE}:k7m2q9x4h3bd`;
const SHOP = "did:web:localhost:shop";
const FAMILY_KEY = "a-key-for-alice-and-her-children";
const CHILD_KEY = "a-key-for-the-children-only";
const OTHER_KEY = "a-key-without-ephemeral-dids";

describeUnless(missingPython(), "children of layr8's SDKs", () => {
  let scene: Scene;
  let owner: Client;

  beforeEach(async () => {
    scene = await Scene.open({
      apiKeys: [
        { key: KEY, dids: "any" },
        { key: FAMILY_KEY, dids: [ALICE, `${ALICE}:*`] },
        { key: CHILD_KEY, dids: [`${ALICE}:*`] },
        { key: OTHER_KEY, dids: "any", ephemeral: false },
      ],
      policies: [{ did: SHOP, protocols: [ORDER], grantIssuers: [OWNER] }],
    });
    owner = scene.client(OWNER);
    const names = ["create", "cancel"];
    const handlers = names.map((name) => ({ type: `${ORDER}/${name}`, action: "reply" as const, replyType: `${ORDER}/done` }));
    await scene.double({ did: SHOP, handlers });
    await scene.double({ did: ALICE });
  });

  afterEach(() => scene.close());

  /** Stores a grant of the owner for Alice. */
  async function grantAlice(name: string, more: JsonObject = {}): Promise<string> {
    const credential = grantFor(ALICE, { protocol: ORDER, messageTypes: [name], resource: SHOP }, { id: `urn:x:${name}`, ...more });
    const signed = await owner.signCredential(credential);
    return (await owner.storeCredential(signed, { holderDid: ALICE })).id;
  }

  const child = (did = CHILD, more: object = {}): Promise<DoubleAgent> => scene.double({ did, parent: ALICE, apiKey: FAMILY_KEY, ...more });
  const order = (from: DoubleAgent, name: string): Promise<Readonly<Record<string, unknown>>> =>
    from.request({ type: `${ORDER}/${name}`, to: [SHOP], body: {} }, { grants: true });

  it.each(["node", "python", "go"] as const)("of the generation %s borrow all grants of their parent, and use them", async (generation) => {
    await grantAlice("create");
    const borrower = await child(CHILD, { generation });
    expect(borrower.delegated).toMatchObject({ status: "complete", revision: 0, credentials: [{ parent_capability: "urn:x:create" }] });
    expect(await order(borrower, "create")).toMatchObject({ type: `${ORDER}/done` });
    expect(await order(borrower, "cancel")).toMatchObject({ type: REPORT, body: { code: "e.m.authz.denied" } });
    expect(await borrower.call("wallet")).toEqual([]);
  });

  it("get each change as the whole set with a higher revision, and use what it says", async () => {
    const borrower = await child();
    expect(borrower.delegated).toEqual({ status: "complete", revision: 0, credentials: [] });
    const create = await grantAlice("create");
    expect(await borrower.event("delegation")).toMatchObject({ delegated: { revision: 1, status: "complete", credentials: [{}] } });
    await grantAlice("cancel");
    expect(await borrower.event("delegation")).toMatchObject({ delegated: { revision: 2, credentials: [{}, {}] } });
    expect(await order(borrower, "cancel")).toMatchObject({ type: `${ORDER}/done` });
    await fetch(`${scene.node.httpUrl}/api/v1/credentials/${create}`, { method: "DELETE", headers: { "x-api-key": KEY } });
    expect(await borrower.event("delegation")).toMatchObject({
      delegated: { revision: 3, status: "complete", credentials: [{ parent_capability: "urn:x:cancel" }] },
    });
    expect(await order(borrower, "create")).toMatchObject({ type: REPORT, body: { code: "e.m.authz.denied" } });
  });

  it("get the status partial if some grants can't be derived", async () => {
    await grantAlice("create");
    // Without an id it can't be referred to.
    const anonymous = grantFor("did:web:localhost:bob", { protocol: ORDER, messageTypes: ["cancel"] }, { id: "urn:x:foreign" });
    await owner.storeCredential(await owner.signCredential(anonymous), { holderDid: ALICE });
    expect((await child()).delegated).toMatchObject({ status: "partial", credentials: [{ parent_capability: "urn:x:create" }] });
  });

  it("start the revision again when they join again", async () => {
    const borrower = await child();
    await grantAlice("create");
    await borrower.event("delegation", ({ delegated }) => (delegated as { revision: number }).revision === 1);
    await borrower.event("joined");
    await borrower.kill();
    expect(await borrower.event("joined")).toMatchObject({ delegated: { revision: 0, credentials: [{}] } });
    await grantAlice("cancel");
    expect(await borrower.event("delegation")).toMatchObject({ delegated: { revision: 1, credentials: [{}, {}] } });
  });

  it("send their grants to another child in vain: a grant belongs to its child", async () => {
    await grantAlice("create");
    const borrower = await child();
    const { credentials } = borrower.delegated as { credentials: { credential_jwt: string }[] };
    const attachments = [{ id: "copy", media_type: "application/vc+jwt", data: { jws: credentials[0]?.credential_jwt } }];
    const sibling = await scene.double({ did: `${ALICE}:sibling`, apiKey: FAMILY_KEY });
    const answer = await sibling.request({ type: `${ORDER}/create`, to: [SHOP], body: {}, attachments });
    expect(answer).toMatchObject({ type: REPORT, attachments: [{ data: { json: { grants: [{ code: "holder_mismatch" }] } } }] });
  });

  describe("are refused", () => {
    const refused = (reason: string) => ({ details: { name: "JoinRefused", reason } });

    it.each<[reason: string, did: string, more: object]>([
      ["e.join.plugin.child.not-beneath-parent", `${ALICE}x`, { apiKey: KEY }],
      ["e.join.plugin.child.not-beneath-parent", "did:web:localhost:bob", { apiKey: KEY }],
      ["e.join.plugin.child.not-beneath-parent", `${ALICE}:a:b`, {}],
      ["e.join.plugin.child.not-beneath-parent", ALICE, {}],
      ["e.join.plugin.child.storage-not-ephemeral", CHILD, { didSpec: { storage: "persistent" } }],
      ["e.join.plugin.parent.not-found", "did:web:localhost:nobody:child", { apiKey: KEY, parent: "did:web:localhost:nobody" }],
      ["e.join.plugin.parent.not-hosted-here", "did:web:far.example:bob:child", { apiKey: KEY, parent: "did:web:far.example:bob" }],
      ["unauthorized", CHILD, { apiKey: CHILD_KEY }],
      ["unauthorized", CHILD, { apiKey: OTHER_KEY }],
    ])("%s: %s %j", async (reason, did, more) => {
      await expect(child(did, more)).rejects.toMatchObject(refused(reason));
    });

    it("with an ephemeral parent", async () => {
      const parent = await scene.double({});
      await expect(child(`${parent.did}:child`, { parent: parent.did, apiKey: KEY })).rejects.toMatchObject(
        refused("e.join.plugin.parent.not-persistent"),
      );
    });
  });
});
