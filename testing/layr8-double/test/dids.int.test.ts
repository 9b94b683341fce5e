import { describeUnless } from "@parley/test-assertions";
import { afterEach, beforeEach, expect, it } from "vitest";
import { missingPython, type DoubleAgent } from "../src/index.ts";
import { ECHO, KEY, Scene } from "./scene.ts";

const ALICE = "did:web:localhost:alice";
const BOB = "did:web:localhost:bob";
const SHOP = "did:web:localhost:shop";
const OWN_KEY = "a-key-that-may-bind-bob-only";
const ECHOING = { type: `${ECHO}/request`, action: "reply" as const, replyType: `${ECHO}/response` };

describeUnless(missingPython(), "agents of layr8's SDKs with several DIDs", () => {
  let scene: Scene;

  beforeEach(async () => {
    scene = await Scene.open({
      apiKeys: [
        { key: KEY, dids: "any" },
        { key: OWN_KEY, dids: [BOB] },
      ],
    });
  });

  afterEach(() => scene.close());

  const ask = (from: DoubleAgent, to: string, more: object = {}): Promise<Readonly<Record<string, unknown>>> =>
    from.request({ type: `${ECHO}/request`, to: [to], body: { to } }, more);

  it("answer with the DID that was asked, and ask with each of theirs", async () => {
    const many = await scene.double({ did: BOB, handlers: [ECHOING] });
    const handlers = [{ ...ECHOING, body: { shop: true } }];
    expect(await many.call("joinDid", { did: SHOP, options: { handlers } })).toMatchObject({ did: SHOP, replies: true });
    const alice = await scene.double({ did: ALICE, handlers: [ECHOING] });
    expect(await ask(alice, BOB)).toMatchObject({ from: BOB, body: { to: BOB } });
    expect(await ask(alice, SHOP)).toMatchObject({ from: SHOP, body: { shop: true } });
    expect(await ask(many, ALICE, { did: SHOP })).toMatchObject({ from: ALICE, to: [SHOP] });
  });

  it("leave one of them, whose messages then wait", async () => {
    const many = await scene.double({ did: BOB });
    await many.call("joinDid", { did: SHOP, options: { handlers: [ECHOING] } });
    expect(await many.call("leaveDid", { did: SHOP })).toEqual({ status: "ok", response: {} });
    const alice = await scene.double({ did: ALICE });
    expect(await alice.send({ type: `${ECHO}/request`, to: [SHOP] })).toEqual([SHOP]);
    const back = await scene.double({ generation: "python", did: SHOP, handlers: [ECHOING] });
    expect((await back.message())["to"]).toEqual([SHOP]);
    await alice.message(({ type }) => type === `${ECHO}/response`);
  });

  it("join all of them again after a loss, each with its own handlers", async () => {
    const many = await scene.double({ did: BOB, handlers: [ECHOING] });
    await many.call("joinDid", { did: SHOP, options: { handlers: [ECHOING] } });
    await many.kill();
    await many.event("reconnect");
    const alice = await scene.double({ did: ALICE });
    for (const did of [BOB, SHOP]) expect(await ask(alice, did)).toMatchObject({ from: did });
  });

  it("are refused a DID that their key does not cover, and keep the others", async () => {
    const own = await scene.double({ apiKey: OWN_KEY, did: BOB, handlers: [ECHOING] });
    await expect(own.call("joinDid", { did: SHOP })).rejects.toMatchObject({ details: { name: "JoinRefused", reason: "unauthorized" } });
    expect(await ask(await scene.double({ did: ALICE }), BOB)).toMatchObject({ from: BOB });
    await expect(scene.double({ apiKey: "a-key-that-no-one-has-made", did: BOB })).rejects.toMatchObject({
      details: { name: "Refused", status: 403 },
    });
  });

  it("lose a DID to another connection with the same protocols, and are told", async () => {
    const first = await scene.double({ did: BOB, handlers: [ECHOING] });
    await scene.double({ did: BOB, handlers: [{ ...ECHOING, body: { second: true } }] });
    expect(await first.event("channel")).toMatchObject({ did: BOB, event: "phx_close" });
    expect(await ask(await scene.double({ did: ALICE }), BOB)).toMatchObject({ body: { second: true } });
  });

  it("share a DID with a connection for other protocols", async () => {
    await scene.double({ generation: "go", did: BOB, handlers: [ECHOING] });
    const other = { type: "https://x.example/other/1.0/ask", action: "reply" as const, replyType: "https://x.example/other/1.0/said" };
    await scene.double({ generation: "python", did: BOB, handlers: [other] });
    const alice = await scene.double({ did: ALICE });
    expect(await ask(alice, BOB)).toMatchObject({ type: `${ECHO}/response` });
    expect(await alice.request({ type: other.type, to: [BOB], body: {} })).toMatchObject({ type: other.replyType });
  });
});
