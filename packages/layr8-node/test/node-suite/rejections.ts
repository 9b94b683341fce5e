import { describe, expect } from "vitest";
import { stopClock } from "@parley/test-assertions";
import type { RawAgent } from "../raw-agent.ts";
import { ALICE, BOB, ECHO, message, type NodeSuite, STORED } from "./suite.ts";

/** Which messages a node rejects. */
export function rejections(suite: NodeSuite): void {
  describe("messages", () => {
    suite.each([
      ["another's from", { from: BOB }, "unauthorized"],
      ["no from", { from: undefined }, "unauthorized"],
      ["no recipient", { to: [] }, "to names no recipient"],
      ["an unknown recipient", { to: ["did:web:localhost:nobody"] }, "unknown recipient"],
      ["a protocol without a handler", { type: "https://example.com/chess/1.0/move" }, "no handler"],
      ["no type", { type: undefined }, "type is missing"],
      ["a number as id", { id: 7 }, "id must be a string"],
      ["a text as to", { to: BOB }, "to must be a list"],
      ["a list as body", { body: [] }, "body must be"],
      ["an expiry in the past", { expires_time: 1000 }, "expired"],
      ["an expiry in the past, as text", { expires_time: "1965-07-01T00:00:00Z" }, "expired"],
      ["an expiry that is not a time", { expires_time: "soon" }, "expires_time must be seconds since 1970, or text"],
      ["a second From", { From: BOB }, "mistaken for from"],
      ["another expires_time, with a long s", { "expire\u017f_time": 1 }, "mistaken for expires_time"],
    ])("are refused with %s", async (_name, more, reason) => {
      const alice = await suite.agent({ did: ALICE });
      await suite.agent({ did: BOB, protocols: [ECHO] });
      expect(await alice.send(message("1", more))).toMatchObject({
        status: "error",
        response: { reason: expect.stringContaining(reason) as string },
      });
      expect(await alice.send(message("2"))).toEqual(suite.ok);
    });

    suite.it("with times written as text are delivered unchanged", async () => {
      const alice = await suite.agent({ did: ALICE });
      const bob = await suite.agent({ did: BOB, protocols: [ECHO] });
      const times = { created_time: "2026-01-15T10:00:00.000Z", expires_time: "9999-12-31T23:59:59Z" };
      expect(await alice.send(message("1", times))).toEqual(suite.ok);
      expect((await bob.receive()).plaintext).toMatchObject({ id: "1", ...times });
    });

    suite.it("to a mistyped DID are rejected with the most similar DID that their sender may know", async () => {
      const refusalOf = async (sender: RawAgent, recipient: string): Promise<string> => {
        const { response } = await sender.send(message("1", { from: sender.did, to: [recipient] }));
        return (response as { reason: string }).reason;
      };
      await suite.agent({ did: "did:web:localhost:echo" });
      await suite.agent({ did: "did:web:secret.example:echo" });
      const [alice, assigned, acme] = [
        await suite.agent({ did: ALICE }),
        await suite.agent({}),
        await suite.agent({ did: "did:web:secret.example:acme" }),
      ];
      for (const sender of [alice, assigned]) {
        expect(await refusalOf(sender, "did:web:localhost:ecco")).toMatch(
          /^unknown recipient: did:web:localhost:ecco: no agent with this DID has connected to this node\. Did you mean did:web:localhost:echo\? \(Its host/,
        );
      }
      expect(await refusalOf(alice, "did:web:localhost:nobody-like-it")).toContain("has connected to this node. Is it started?");
      // Tenants of other hosts are not disclosed.
      expect(await refusalOf(alice, "did:web:secret.localhost:echo")).not.toContain("secret.example");
      expect(await refusalOf(acme, "did:web:secretexample.localhost:echo")).not.toContain("Did you mean did:web:localhost");
    });

    suite.it("never show a recipient another sender than the verified one", async () => {
      const alice = await suite.agent({ did: ALICE });
      const bob = await suite.agent({ did: BOB, protocols: [ECHO] });
      for (const forged of [`"from":"did:web:localhost:forged",`, `"\\u0066rom":"did:web:localhost:forged",`, `"type":"${ECHO}/other",`]) {
        alice.client.send(`[null,"x","${alice.topic}","message",{${forged}${JSON.stringify(message("0")).slice(1)}]`);
        const [, , , , reply] = await alice.client.next();
        expect(reply).toMatchObject({ response: { reason: expect.stringContaining("same member twice") as string } });
      }
      expect(await alice.send(message("1"))).toEqual(suite.ok);
      expect((await bob.receive()).plaintext["id"]).toBe("1");
    });

    suite.it("are rejected beyond 64 levels of nesting, and delivered up to there", async () => {
      const alice = await suite.agent({ did: ALICE });
      const bob = await suite.agent({ did: BOB, protocols: [ECHO] });
      const nested = (levels: number): object => JSON.parse(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`) as object;
      expect(await alice.send(message("1", { body: nested(64) }))).toMatchObject({
        response: { reason: expect.stringContaining("64 levels") as string },
      });
      expect(await alice.send(message("2", { body: nested(63) }))).toEqual(suite.ok);
      expect((await bob.receive()).plaintext["id"]).toBe("2");
    });

    suite.each([["did:web:LOCALHOST:bob"], ["did:web:localhost%3A443:bob"], ["did:web:localhost:%62ob"]])(
      "are not taken in another spelling of a DID: %s",
      async (spelling) => {
        const alice = await suite.agent({ did: ALICE });
        expect(await alice.send(message("1", { to: [spelling] }))).toMatchObject({
          response: { reason: `unknown recipient: ${spelling} must be written ${BOB}` },
        });
        await expect(suite.agent({ did: spelling })).rejects.toThrow(`must be written ${BOB}`);
      },
    );

    suite.each([
      ["no JSON", "hello"],
      ["a number", "7"],
      ["null", "null"],
      [
        "nested too deeply to be written",
        `{"id":"1","type":"${ECHO}/request","from":"${ALICE}","to":["${BOB}"],"body":{"\\u0061":${"[".repeat(50_000)}${"]".repeat(50_000)}}}`,
      ],
    ])("are refused when the payload is %s", async (_name, payload) => {
      const alice = await suite.agent({ did: ALICE });
      await suite.agent({ did: BOB, protocols: [ECHO] });
      alice.client.send(`[null,"x","${alice.topic}","message",${payload}]`);
      expect(await alice.client.next()).toMatchObject(
        [null, "x", alice.topic, "phx_reply", { status: "error" }].with(0, expect.anything() as never),
      );
      expect(await alice.send(message("2"))).toEqual(suite.ok);
    });

    suite.it("are rejected on a topic that is not joined, and with another DID as from", async () => {
      const alice = await suite.agent({ did: ALICE });
      await suite.agent({ did: BOB, protocols: [ECHO] });
      expect(await alice.client.push(`plugins:${BOB}`, "message", message("1", { from: BOB }))).toMatchObject({
        response: { reason: "unmatched topic" },
      });
    });

    suite.it("are rejected while the inbox is full", async () => {
      await suite.start({ limits: { maxInboxMessages: 3 } });
      const alice = await suite.agent({ did: ALICE });
      const bob = await suite.agent({ did: BOB, protocols: [ECHO] });
      for (const id of ["1", "2", "3"]) expect(await alice.send(message(id))).toEqual(suite.ok);
      expect(await alice.send(message("4"))).toMatchObject({ response: { reason: expect.stringContaining("inbox full") as string } });
      await bob.receive();
      bob.ack("1");
      await expect.poll(() => alice.send(message("4"))).toEqual(suite.ok);
    });

    suite.it("are rejected above the size limit, and the connection stays open", async () => {
      await suite.start({ limits: { maxMessageLength: 1000 } });
      const alice = await suite.agent({ did: ALICE });
      const bob = await suite.agent({ did: BOB, protocols: [ECHO] });
      expect(await alice.send(message("1", { body: { text: "x".repeat(1000) } }))).toMatchObject({
        response: { reason: expect.stringContaining("too large") as string, code: "e.p.msg.too-large" },
      });
      expect(await alice.send(message("2"))).toEqual(suite.ok);
      expect((await bob.receive()).plaintext["id"]).toBe("2");
    });

    suite.it("are rejected above the rate of their key", async () => {
      stopClock();
      await suite.start({ limits: { messagesPerSecond: 5 } });
      const alice = await suite.agent({ did: ALICE });
      await suite.agent({ did: BOB, protocols: [ECHO] });
      const replies: Record<string, unknown>[] = [];
      for (let n = 0; n < 6; n++) replies.push(await alice.send(message(`${n}`)));
      expect(replies.slice(0, 5)).toEqual([1, 2, 3, 4, 5].map(() => suite.ok));
      expect(replies[5]).toMatchObject({
        status: "error",
        response: { reason: expect.stringContaining("rate limited") as string, code: "e.p.me.res.rate" },
      });
    });

    suite.it("that expire are reported to their sender", async () => {
      const alice = await suite.agent({ did: ALICE });
      (await suite.agent({ did: BOB, protocols: [ECHO] })).close();
      expect(await alice.send(message("1", { expires_time: Math.ceil(Date.now() / 1000) + 2 }))).toMatchObject(STORED);
      expect((await alice.receive()).plaintext).toMatchObject({ thid: "1", body: { code: "e.p.msg.expired", args: ["1"] } });
    });

    suite.it("obey policies, by DID and prefix", async () => {
      await suite.start({
        policies: [{ did: BOB, allow: ["did:web:localhost:alice", "did:web:LOCALHOST:adam:*"], deny: ["did:web:localhost:adam"] }],
      });
      await suite.agent({ did: BOB, protocols: [ECHO] });
      const verdicts: unknown[] = [];
      for (const did of [ALICE, "did:web:localhost:adam", "did:web:localhost:eve"]) {
        const sender = await suite.agent({ did });
        verdicts.push(await sender.send(message("1", { from: did })));
      }
      const denied = {
        status: "error",
        response: { reason: "unauthorized", code: "e.m.authz.denied", comment: expect.any(String) as string },
      };
      expect(verdicts).toEqual([suite.ok, denied, denied]);
    });
  });
}
