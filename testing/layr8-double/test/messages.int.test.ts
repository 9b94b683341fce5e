import { describeUnless } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { missingPython } from "../src/index.ts";
import { ECHO, GENERATIONS, REPORT, Scene } from "./scene.ts";

const ALICE = "did:web:localhost:alice";
const BOB = "did:web:localhost:bob";
const PING = "https://didcomm.org/trust-ping/2.0";

describeUnless(missingPython(), "agents of layr8's SDKs on a node", () => {
  let scene: Scene;

  beforeEach(async () => {
    scene = await Scene.open();
  });

  afterEach(() => scene.close());

  const pairs = GENERATIONS.flatMap((generation) => [
    [generation, generation] as const,
    [generation, "parley"] as const,
    ["parley", generation] as const,
  ]);

  it.each([...pairs, ["oldest", "node"] as const, ["node", "oldest"] as const])("ask and answer: %s asks %s", async (asking, answering) => {
    await scene.echoing(answering, BOB);
    const body = { text: "hello – 你好", n: 1.5, list: [1, null, { deep: true }] };
    expect(await scene.ask(asking, ALICE, BOB, body)).toEqual(body);
    expect(scene.errors).toEqual([]);
  });

  describe.each(GENERATIONS)("of the generation %s", (generation) => {
    it("pass a message on to what the node itself answers", async () => {
      // An agent without outcomes can't pass: it has no handler instead.
      const pass = generation === "oldest" ? [] : [{ type: `${PING}/ping`, action: "pass" as const }];
      await scene.double({ generation, did: BOB, handlers: pass });
      const alice = await scene.double({ generation, did: ALICE, protocols: [PING] });
      const answer = await alice.request({ type: `${PING}/ping`, to: [BOB], body: { response_requested: true } });
      expect(answer).toMatchObject({ type: `${PING}/ping-response`, from: BOB });
    });

    it("handle every message with the wildcard, also those that the node would answer", async () => {
      const all = { type: "*", action: "reply" as const, replyType: "https://x.example/wild/1.0/response" };
      await scene.double({ generation, did: BOB, handlers: [all] });
      const alice = await scene.double({ generation, did: ALICE, protocols: [ECHO, PING] });
      for (const type of [`${ECHO}/request`, `${PING}/ping`]) {
        expect(await alice.request({ type, to: [BOB], body: { type } })).toMatchObject({ type: all.replyType, body: { type } });
      }
    });

    it("get a problem report for a handler that fails", async () => {
      await scene.double({ generation, did: BOB, handlers: [{ type: `${ECHO}/request`, action: "fail", comment: "out of order" }] });
      const alice = await scene.double({ generation, did: ALICE, protocols: [ECHO] });
      const report = await alice.request({ type: `${ECHO}/request`, to: [BOB], body: {}, thid: "thread" });
      expect(report).toMatchObject({ type: REPORT, thid: "thread", body: { code: "e.p.xfer.cant-process", comment: "out of order" } });
    });

    it("are told at once what the node rejects", async () => {
      const alice = await scene.double({ generation, did: ALICE });
      const send = (message: object, more = {}): Promise<unknown> => alice.send({ type: `${ECHO}/request`, to: [BOB], ...message }, more);
      await expect(send({})).rejects.toMatchObject({
        details: { name: "ServerReject", reason: expect.stringContaining("unknown recipient") as string },
      });
      await expect(send({}, { from: BOB })).rejects.toMatchObject({ details: { reason: "unauthorized", code: "e.m.authz.from" } });
      await expect(send({ body: [] })).rejects.toMatchObject({
        details: { reason: expect.stringContaining("malformed message") as string },
      });
    });

    it("keep messages in order, in fragments with pings in between, and in bursts", async () => {
      const bob = await scene.double({ generation, did: BOB, handlers: [{ type: `${ECHO}/request`, action: "none" }] });
      const alice = await scene.double({ generation, did: ALICE, fragment: 7 });
      const messages = Array.from({ length: 50 }, (_, n) => ({ type: `${ECHO}/request`, to: [BOB], body: { n } }));
      expect(await alice.call("burst", { messages })).toBe(50);
      for (let n = 0; n < 50; n++) expect(await bob.message()).toMatchObject({ body: { n } });
    });

    it("keep the connection with heartbeats and pings", async () => {
      const alice = await scene.double({ generation, did: ALICE });
      expect(await alice.call("heartbeat")).toBeNull();
      await alice.call("ping", { data: "are you there" });
      expect(await alice.call("heartbeat")).toBeNull();
    });

    it("are assigned a DID, with which they are reachable", async () => {
      const assigned = await scene.double({
        generation,
        handlers: [{ type: `${ECHO}/request`, action: "reply", replyType: `${ECHO}/response` }],
      });
      expect(assigned.did).toMatch(/^did:web:localhost%3A\d+:ephemeral:/);
      expect(await scene.ask("parley", ALICE, assigned.did, { n: 1 })).toEqual({ n: 1 });
    });
  });

  it("leave what no handler wants to the next agent, and report it when none is left", async () => {
    const bob = await scene.double({ did: BOB, protocols: [ECHO] });
    const alice = await scene.double({ did: ALICE });
    const report = await alice.request({ type: `${ECHO}/request`, to: [BOB], body: {} });
    expect(report).toMatchObject({ type: REPORT, body: { code: "e.p.msg.unsupported" } });
    await bob.event("no-handler");
  });

  it("with Parley's SDK exchange threads, headers and attachments as they are", async () => {
    const seen: unknown[] = [];
    const parley = scene.client(BOB);
    parley.handle(`${ECHO}/request`, ({ threadId, parentThreadId, attachments }) => {
      seen.push([threadId, parentThreadId, attachments?.map(({ id, mediaType }) => [id, mediaType])]);
      return undefined;
    });
    await parley.connect();
    const alice = await scene.double({ did: ALICE, handlers: [{ type: `${ECHO}/request`, action: "none" }] });
    const attachments = [{ id: "a", media_type: "text/plain", lastmod_time: 1_700_000_000, data: { base64: "aGVsbG8" } }];
    await alice.send({ type: `${ECHO}/request`, to: [BOB], thid: "t", pthid: "p", attachments });
    await expect.poll(() => seen).toEqual([["t", "p", [["a", "text/plain"]]]]);
    await parley.send({
      type: `${ECHO}/request`,
      to: ALICE,
      threadId: "t",
      parentThreadId: "p",
      attachments: [{ id: "b", mediaType: "text/plain", data: { base64: "aGVsbG8" } }],
      body: { n: 1 },
    });
    expect(await alice.message()).toMatchObject({
      thid: "t",
      pthid: "p",
      body: { n: 1 },
      attachments: [{ id: "b", media_type: "text/plain" }],
    });
  });

  it("get what Parley's handlers throw as reports on their thread", async () => {
    const parley = scene.client(BOB);
    parley.handle(`${ECHO}/request`, () => {
      throw new Error("the password of the database");
    });
    await parley.connect();
    const oldest = await scene.double({ generation: "oldest", did: ALICE });
    const report = await oldest.request({ type: `${ECHO}/request`, to: [BOB], body: {}, thid: "thread" });
    expect(report).toMatchObject({ type: REPORT, thid: "thread", body: { code: "e.p.xfer.cant-process" } });
    expect(JSON.stringify(report)).not.toContain("password");
  });

  it("sign, store, list, verify and present credentials with the node", async () => {
    const alice = await scene.double({ did: ALICE });
    const credential = {
      "@context": ["https://www.w3.org/ns/credentials/v2"],
      type: ["VerifiableCredential"],
      credentialSubject: { id: BOB, name: "Bob" },
    };
    for (const format of ["compact_jwt", "jwt", "json", "enveloped"]) {
      const signed = await alice.call("sign", { credential: { ...credential, id: `urn:x:${format}`, issuer: ALICE }, format });
      expect(await alice.call("verify", { signed })).toMatchObject({ credential: { credentialSubject: { name: "Bob" } } });
      await alice.call("store", { jwt: signed, holder: BOB });
    }
    const stored = (await alice.call("wallet", { holder: BOB })) as { credential_jwt: string }[];
    expect(stored).toHaveLength(4);
    const bob = await scene.double({ did: BOB });
    expect(await bob.call("present", { credentials: [stored[0]?.credential_jwt], verifier: ALICE })).toMatchObject({
      presentation: { holder: BOB },
    });
    await expect(alice.call("verify", { signed: "nonsense" })).rejects.toMatchObject({ details: { status: 422 } });
  });
});
