import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RawAgent } from "../raw-agent.ts";
import { ALICE, BOB, ECHO, KEY, OK, type Pair, REPORT, toBob } from "./pair.ts";

const CAROL = "did:web:a.localhost:carol";

/** The guarantees to agents of two domains, whether a domain has one node or several. */
export function agentsOfTwoDomains(start: () => Promise<Pair>): void {
  let pair: Pair;

  beforeEach(async () => {
    pair = await start();
  });
  afterEach(() => pair.close());

  describe("agents on two nodes", () => {
    it("exchange requests and responses", async () => {
      const [alice, bob] = [await pair.alice(), await pair.bob()];
      const request = toBob("1", { thid: "1", "x-more": ["kept"] });
      expect(await alice.send(request)).toEqual(OK);
      const arrived = await bob.receive();
      expect(arrived).toEqual({ context: { recipient: BOB, authorized: true, sender_credentials: [], attempt: 1 }, plaintext: request });
      expect(await bob.send({ id: "2", type: `${ECHO}/response`, from: BOB, to: [ALICE], thid: "1", body: { n: "1" } })).toEqual(OK);
      expect((await alice.receive()).plaintext).toMatchObject({ id: "2", thid: "1", from: BOB });
    });

    it("receive responses without a handler, by thread", async () => {
      const [alice, bob] = [await pair.alice({ protocols: [] }), await pair.bob()];
      await alice.send(toBob("1"));
      await bob.receive();
      await bob.send({ id: "2", type: `${ECHO}/response`, from: BOB, to: [ALICE], thid: "1", body: {} });
      expect((await alice.receive()).plaintext["id"]).toBe("2");
    });

    it("may have DIDs that their nodes have assigned", async () => {
      const alice = await RawAgent.join(pair.a, { apiKey: KEY });
      const bob = await RawAgent.join(pair.b, { apiKey: KEY, protocols: [ECHO] });
      await alice.send(toBob("1", { from: alice.did, to: [bob.did] }));
      expect((await bob.receive()).plaintext["from"]).toBe(alice.did);
      await bob.send({ id: "2", type: `${ECHO}/response`, from: bob.did, to: [alice.did], thid: "1", body: {} });
      expect((await alice.receive()).plaintext["from"]).toBe(bob.did);
      alice.close();
      bob.close();
    });

    it("keep their order", async () => {
      const [alice, bob] = [await pair.alice(), await pair.bob()];
      const ids = Array.from({ length: 100 }, (_, index) => `m${index}`);
      for (const id of ids) alice.client.send([null, id, alice.topic, "message", toBob(id)]);
      const got: unknown[] = [];
      while (got.length < ids.length) got.push((await bob.receive()).plaintext["id"]);
      expect(got).toEqual(ids);
      await expect.poll(() => pair.metric("b", 'federation_received_total{result="accepted"}')).toBe(100);
      await expect.poll(() => pair.metric("a", "federation_sent_total")).toBe(100);
      await expect.poll(() => pair.metric("a", "outbound_messages")).toBe(0);
    });

    it("receive problem reports of the other agent on the thread of their request", async () => {
      const [alice, bob] = [await pair.alice(), await pair.bob()];
      await alice.send(toBob("1"));
      await bob.receive();
      const report = {
        id: "r",
        type: REPORT,
        from: BOB,
        to: [ALICE],
        thid: "1",
        pthid: "1",
        body: { code: "e.p.xfer.cant-process", comment: "no" },
      };
      expect(await bob.send(report)).toEqual(OK);
      expect((await alice.receive()).plaintext).toEqual(report);
    });

    it("reach several recipients on both nodes", async () => {
      const [alice, bob, carol] = [await pair.alice(), await pair.bob(), await pair.agent("a", CAROL)];
      const both = toBob("1", { to: [BOB, CAROL] });
      expect(await alice.send(both)).toEqual(OK);
      expect((await bob.receive()).plaintext).toEqual(both);
      expect((await carol.receive()).plaintext).toEqual(both);
    });

    it("reach none of several recipients if one is unknown", async () => {
      const [alice, bob] = [await pair.alice(), await pair.bob()];
      const reply = await alice.send(toBob("1", { to: [BOB, "did:web:a.localhost:nobody"] }));
      expect(reply).toMatchObject({
        status: "error",
        response: { reason: expect.stringContaining("unknown recipient: did:web:a.localhost:nobody: no agent") as string },
      });
      await alice.send(toBob("2"));
      expect((await bob.receive()).plaintext["id"]).toBe("2");
    });

    it("can have the same name on both nodes and keep separate identities", async () => {
      const impostor = await pair.agent("b", ALICE);
      const [alice, bob] = [await pair.alice(), await pair.bob()];
      await alice.send(toBob("1"));
      // Here the DID is hosted, and its keys are others.
      await expect.poll(() => pair.metric("b", 'federation_received_total{result="decryption_failed"}')).toBeGreaterThan(0);
      await impostor.send(toBob("2"));
      expect((await bob.receive()).plaintext["id"]).toBe("2");
    });
  });

  describe("built-in protocols across nodes", () => {
    it("respond to a trust-ping", async () => {
      const alice = await pair.alice();
      await (await pair.bob()).client.push("plugins:none", "heartbeat", {});
      await alice.send(toBob("ping-1", { type: "https://didcomm.org/trust-ping/2.0/ping", body: { response_requested: true } }));
      expect((await alice.receive()).plaintext).toMatchObject({
        type: "https://didcomm.org/trust-ping/2.0/ping-response",
        from: BOB,
        thid: "ping-1",
      });
    });

    it("disclose features", async () => {
      const [alice] = [await pair.alice(), await pair.bob()];
      const queries = [{ "feature-type": "protocol", match: "https://layr8.io/*" }];
      await alice.send(toBob("q", { type: "https://didcomm.org/discover-features/2.0/queries", body: { queries } }));
      expect((await alice.receive()).plaintext).toMatchObject({
        thid: "q",
        body: { disclosures: [{ "feature-type": "protocol", id: ECHO }] },
      });
    });

    it("send no response if none is requested", async () => {
      const [alice, bob] = [await pair.alice(), await pair.bob()];
      await alice.send(toBob("p", { type: "https://didcomm.org/trust-ping/2.0/ping", body: { response_requested: false } }));
      await alice.send(toBob("1"));
      await bob.receive();
      await bob.send({ id: "2", type: `${ECHO}/response`, from: BOB, to: [ALICE], thid: "1", body: {} });
      expect((await alice.receive()).plaintext["id"]).toBe("2");
    });
  });

  describe("failures on another node are reported to the sender", () => {
    const report = (id: string, code: string) => ({ type: REPORT, from: BOB, thid: id, pthid: id, body: { code } });

    it("an unknown recipient", async () => {
      const alice = await pair.alice();
      expect(await alice.send(toBob("1"))).toEqual(OK);
      expect((await alice.receive()).plaintext).toMatchObject(report("1", "e.p.did.unresolved"));
    });

    it("a protocol without a handler", async () => {
      const alice = await pair.alice();
      await pair.bob({ protocols: ["https://layr8.io/protocols/other/1.0"] });
      await alice.send(toBob("1"));
      expect((await alice.receive()).plaintext).toMatchObject(report("1", "e.p.msg.unsupported"));
    });

    it("a message on which every agent there passes", async () => {
      const [alice, bob] = [await pair.alice(), await pair.bob({ replyProtocol: true })];
      await alice.send(toBob("1"));
      await bob.receive();
      bob.reply("1", "pass");
      expect((await alice.receive()).plaintext).toMatchObject(report("1", "e.p.msg.unsupported"));
    });

    it("a message that expired in transit", async () => {
      const [alice] = [await pair.alice(), await pair.bob()];
      await pair.stop("b");
      expect(await alice.send(toBob("1", { expires_time: Math.ceil(Date.now() / 1000) + 3 }))).toEqual(OK);
      expect((await alice.receive()).plaintext).toMatchObject(report("1", "e.p.msg.expired"));
    });

    it("a message that other nodes can't parse, immediately", async () => {
      const [alice] = [await pair.alice(), await pair.bob()];
      const deep = JSON.parse(`${'{"a":'.repeat(70)}1${"}".repeat(70)}`) as object;
      expect(await alice.send(toBob("1", { body: deep }))).toMatchObject({
        response: { reason: expect.stringContaining("64 levels") as string },
      });
    });

    it("never a report on a report", async () => {
      const [alice, bob] = [await pair.alice(), await pair.bob()];
      await alice.send(toBob("r", { type: REPORT, to: ["did:web:b.localhost:nobody"], body: { code: "e.p.x", comment: "" } }));
      await expect.poll(() => pair.metric("a", 'federation_dead_total{cause="unresolved"}')).toBe(1);
      await alice.send(toBob("1"));
      await bob.receive();
      await bob.send({ id: "2", type: `${ECHO}/response`, from: BOB, to: [ALICE], thid: "1", body: {} });
      expect((await alice.receive()).plaintext["id"]).toBe("2");
    });
  });
}
