import { describe, expect } from "vitest";
import { ALICE, BOB, ECHO, message, type NodeSuite, ORDER, STORED } from "./suite.ts";

/** How messages reach agents. */
export function delivery(suite: NodeSuite): void {
  describe("messages", () => {
    suite.it("reach their recipient unchanged, with the node's context, and are acknowledged", async () => {
      const alice = await suite.agent({ did: ALICE });
      const bob = await suite.agent({ did: BOB, protocols: [ECHO] });
      const sent = message("1", {
        thid: "t",
        big: 12345678901234567890n.toString(),
        extra: { deep: [1, null] },
        trace_context: { traceparent: "x" },
      });
      expect(await alice.send(sent)).toEqual(suite.ok);
      const { plaintext, context } = await bob.receive();
      expect(plaintext).toEqual(sent);
      expect(context).toEqual({ recipient: BOB, authorized: true, sender_credentials: [], attempt: 1 });
    });

    suite.it("keep numbers that JavaScript can't hold", async () => {
      const alice = await suite.agent({ did: ALICE });
      const bob = await suite.agent({ did: BOB, protocols: [ECHO] });
      const text = JSON.stringify(message("1")).replace('"n":1', '"n":12345678901234567890.123');
      alice.client.send(`[null,"9","${alice.topic}","message",${text}]`);
      const raw = new Promise<string>((resolve) => bob.client.ws.once("message", (data) => resolve(String(data))));
      expect(await raw).toContain('"n":12345678901234567890.123');
    });

    suite.it("are not redelivered once acknowledged, in either mode", async () => {
      const alice = await suite.agent({ did: ALICE });
      for (const replyProtocol of [false, true]) {
        const bob = await suite.agent({ did: BOB, protocols: [ECHO], replyProtocol });
        const [a, b, c] = [`a${replyProtocol}`, `b${replyProtocol}`, `c${replyProtocol}`];
        for (const id of [a, b, c]) await alice.send(message(id));
        for (const id of [a, b, c]) expect((await bob.receive()).plaintext["id"]).toBe(id);
        if (replyProtocol) {
          bob.reply(a, "handled");
          bob.reply(undefined, "error");
        } else {
          bob.ack(a, b);
        }
        await bob.send(message("sync", { from: BOB, to: [] }));
        bob.close();
        const again = await suite.agent({ did: BOB, protocols: [ECHO], replyProtocol });
        expect(await again.receive()).toMatchObject({ plaintext: { id: c }, context: { attempt: 2 } });
        again.ack(c);
        await again.send(message("sync", { from: BOB, to: [] }));
        again.close();
      }
    });

    suite.it("wait in order for an agent without a connection", async () => {
      const alice = await suite.agent({ did: ALICE });
      (await suite.agent({ did: BOB, protocols: [ECHO] })).close();
      for (let n = 0; n < 50; n++) expect(await alice.send(message(`${n}`))).toMatchObject(STORED);
      const bob = await suite.agent({ did: BOB, protocols: [ECHO] });
      for (let n = 0; n < 50; n++) expect((await bob.receive()).plaintext["id"]).toBe(`${n}`);
    });

    suite.it("are acknowledged with the recipients that have no connection", async () => {
      const carol = "did:web:localhost:carol";
      const alice = await suite.agent({ did: ALICE });
      await suite.agent({ did: BOB, protocols: [ECHO] });
      (await suite.agent({ did: carol, protocols: [ECHO] })).close();
      const away = { status: "ok", response: { away: [carol] } };
      await expect.poll(() => alice.send(message("1", { to: [BOB, carol] }))).toEqual(away);
      expect(await alice.send(message("1", { to: [carol] }))).toEqual(away);
      expect(await alice.send(message("2", { to: [BOB] }))).toEqual(suite.ok);
    });

    suite.it("reach all recipients, or none", async () => {
      const carol = "did:web:localhost:carol";
      const alice = await suite.agent({ did: ALICE });
      const bob = await suite.agent({ did: BOB, protocols: [ECHO] });
      const third = await suite.agent({ did: carol, protocols: [ECHO] });
      expect(await alice.send(message("1", { to: [BOB, carol, BOB] }))).toEqual(suite.ok);
      expect((await bob.receive()).context["recipient"]).toBe(BOB);
      expect((await third.receive()).context["recipient"]).toBe(carol);
      expect(await alice.send(message("2", { to: [BOB, "did:web:localhost:nobody"] }))).toMatchObject({ status: "error" });
      expect(await alice.send(message("3"))).toEqual(suite.ok);
      expect((await bob.receive()).plaintext["id"]).toBe("3");
    });

    suite.it("are stored once if they are sent twice", async () => {
      const alice = await suite.agent({ did: ALICE });
      const bob = await suite.agent({ did: BOB, protocols: [ECHO] });
      expect(await alice.send(message("1"))).toEqual(suite.ok);
      expect(await alice.send(message("1"))).toEqual(suite.ok);
      await alice.send(message("2"));
      expect((await bob.receive()).plaintext["id"]).toBe("1");
      expect((await bob.receive()).plaintext["id"]).toBe("2");
    });

    suite.it("move to a connection that takes over the protocol, and the old one is closed", async () => {
      const alice = await suite.agent({ did: ALICE });
      const old = await suite.agent({ did: BOB, protocols: [ECHO] });
      await alice.send(message("1"));
      await old.receive();
      const young = await suite.agent({ did: BOB, protocols: [ECHO] });
      expect(await young.receive()).toMatchObject({ plaintext: { id: "1" }, context: { attempt: 2 } });
      expect((await old.event("phx_close"))[2]).toBe(old.topic);
    });

    suite.it("are split between two connections of one DID by protocol", async () => {
      const alice = await suite.agent({ did: ALICE });
      const echo = await suite.agent({ did: BOB, protocols: [ECHO] });
      const orders = await suite.agent({ did: BOB, protocols: [ORDER] });
      await alice.send(message("1"));
      await alice.send(message("2", { type: `${ORDER}/created` }));
      expect((await echo.receive()).plaintext["id"]).toBe("1");
      expect((await orders.receive()).plaintext["id"]).toBe("2");
    });

    suite.it("that are responses reach the requesting connection by thread, regardless of its protocols", async () => {
      const alice = await suite.agent({ did: ALICE });
      const bob = await suite.agent({ did: BOB, protocols: [ECHO] });
      await alice.send(message("1"));
      await bob.receive();
      const answer = { id: "2", type: `${ECHO}/response`, from: BOB, to: [ALICE], thid: "1", body: {} };
      expect(await bob.send(answer)).toEqual(suite.ok);
      expect((await alice.receive()).plaintext).toEqual(answer);
    });

    suite.it("are delivered to the next connection after a pass, and reported to their sender if none handles them", async () => {
      const alice = await suite.agent({ did: ALICE });
      const bob = await suite.agent({ did: BOB, protocols: [ECHO], replyProtocol: true });
      const rest = await suite.agent({ did: BOB, protocols: ["*"], replyProtocol: true });
      await alice.send(message("1"));
      await bob.receive();
      bob.reply("1", "pass");
      expect((await rest.receive()).plaintext["id"]).toBe("1");
      rest.reply("1", "pass");
      expect((await alice.receive()).plaintext).toMatchObject({
        type: "https://didcomm.org/report-problem/2.0/problem-report",
        from: BOB,
        thid: "1",
        pthid: "1",
        body: { code: "e.p.msg.unsupported" },
      });
    });

    suite.each([
      [
        "a problem code of its own, with its words",
        { code: "e.p.req.out-of-stock", message: "Only 3 left" },
        "e.p.req.out-of-stock",
        "Only 3 left",
      ],
      ["a problem code alone", { code: "e.p.req.out-of-stock" }, "e.p.req.out-of-stock", ""],
      ["an exception", { code: "Error", message: "db password is hunter2" }, "e.p.xfer.cant-process", "The agent failed at the message 1"],
      ["any failure", { code: "e.p.xfer.cant-process", message: "hunter2" }, "e.p.xfer.cant-process", "The agent failed at the message 1"],
      ["no problem code", { code: "e.p.x".repeat(50), message: "hunter2" }, "e.p.xfer.cant-process", "The agent failed at the message 1"],
      ["nothing", {}, "e.p.xfer.cant-process", "The agent failed at the message 1"],
      ["no text", { code: 7, message: ["x"] }, "e.p.xfer.cant-process", "The agent failed at the message 1"],
    ])("are reported to their sender when an agent fails at them and says %s", async (_name, said, code, comment) => {
      const alice = await suite.agent({ did: ALICE });
      const bob = await suite.agent({ did: BOB, protocols: [ECHO], replyProtocol: true });
      await alice.send(message("1"));
      await bob.receive();
      bob.reply("1", "error", said);
      const report = (await alice.receive()).plaintext;
      expect(report).toMatchObject({ from: BOB, to: [ALICE], thid: "1", pthid: "1", body: { code, comment } });
      expect(JSON.stringify(report)).not.toContain("hunter2");
    });

    suite.each([
      ["answered", { id: "2", type: `${ECHO}/response`, thid: "1" }],
      ["reported the problem itself", { id: "2", type: "https://didcomm.org/report-problem/2.0/problem-report", pthid: "1" }],
    ])("are not reported again when the agent has %s", async (_name, answer) => {
      const alice = await suite.agent({ did: ALICE });
      const bob = await suite.agent({ did: BOB, protocols: [ECHO], replyProtocol: true });
      await alice.send(message("1"));
      await bob.receive();
      expect(await bob.send({ ...answer, from: BOB, to: [ALICE], body: {} })).toEqual(suite.ok);
      bob.reply("1", "error");
      await alice.send(message("3"));
      await bob.receive();
      bob.reply("3", "error");
      expect((await alice.receive()).plaintext["id"]).toBe("2");
      expect((await alice.receive()).plaintext).toMatchObject({ thid: "3", body: { code: "e.p.xfer.cant-process" } });
    });

    suite.each([
      ["an older SDK's agent", false, "plugins:"],
      ["an agent that knows the reply protocol", true, "assigned"],
    ])("reach %s on the topic that it listens on, whichever that is of an assigned DID", async (_name, replyProtocol, first) => {
      const alice = await suite.agent({ did: ALICE });
      const bob = await suite.agent({ protocols: [ECHO], replyProtocol });
      const topics = ["plugins:", `plugins:${bob.did}`];
      if (first === "assigned") topics.reverse();
      await alice.send(message("1", { to: [bob.did] }));
      expect((await bob.event("message"))[2]).toBe(topics[0]);
      const again = await bob.event("message");
      expect(again).toMatchObject({ 2: topics[1], 4: { plaintext: { id: "1" }, context: { attempt: 2 } } });
      bob.client.send([null, null, topics[1] ?? "", "ack", { ids: ["1"] }]);
      await alice.send(message("2", { to: [bob.did] }));
      expect(await bob.event("message")).toMatchObject({ 2: topics[1], 4: { plaintext: { id: "2" } } });
    });

    suite.it("with a long id are reported in a message that can be received", async () => {
      const alice = await suite.agent({ did: ALICE });
      const bob = await suite.agent({ did: BOB, protocols: [ECHO], replyProtocol: true });
      const id = "語".repeat(2000);
      await alice.send(message(id));
      await bob.receive();
      bob.reply(undefined, "error");
      const { plaintext } = await alice.receive();
      expect(plaintext["thid"]).toBe(id);
      expect((plaintext["body"] as { comment: string }).comment.length).toBeLessThan(2000);
    });

    suite.it("fill in the comments of the node's own reports, and keep the arguments", async () => {
      const alice = await suite.agent({ did: ALICE });
      const bob = await suite.agent({ did: BOB, protocols: [ECHO], replyProtocol: true });
      await alice.send(message("1"));
      await bob.receive();
      bob.reply("1", "pass");
      expect((await alice.receive()).plaintext["body"]).toEqual({
        code: "e.p.msg.unsupported",
        comment: `No agent of ${BOB} handles ${ECHO}/request`,
        args: [BOB, `${ECHO}/request`],
      });
    });

    suite.each([
      ["reply mode", true],
      ["legacy mode", false],
    ])("that answer an agent without a handler for them don't come back at its next start, in %s", async (_name, replyProtocol) => {
      const bob = await suite.agent({ did: BOB, protocols: [ECHO] });
      const answer = (id: string) => bob.send({ id, type: `${ECHO}/response`, from: BOB, to: [ALICE], thid: id.slice(1), body: {} });
      const asker = await suite.agent({ did: ALICE, replyProtocol });
      await asker.send(message("1"));
      await answer("a1");
      await asker.receive();
      await expect.poll(() => suite.metric("inbox_messages")).toBe(1);
      asker.close();
      await asker.client.closed;
      await expect.poll(() => answer("a2")).toMatchObject({ response: { away: [ALICE] } });
      const next = await suite.agent({ did: ALICE, replyProtocol });
      expect(await next.receive()).toMatchObject({ plaintext: { id: "a2" }, context: { attempt: 1 } });
    });

    suite.it("that are responses are redelivered to an agent with answer_ack until it acknowledges them", async () => {
      const bob = await suite.agent({ did: BOB, protocols: [ECHO] });
      const asker = await suite.agent({ did: ALICE, capabilities: ["answer_ack/1"] });
      await asker.send(message("1"));
      await bob.send({ id: "a1", type: `${ECHO}/response`, from: BOB, to: [ALICE], thid: "1", body: {} });
      await asker.receive();
      asker.close();
      const next = await suite.agent({ did: ALICE, capabilities: ["answer_ack/1"] });
      expect(await next.receive()).toMatchObject({ plaintext: { id: "a1" }, context: { attempt: 2 } });
    });

    suite.it("are redelivered when they are not acknowledged in time", async () => {
      await suite.start({ limits: { ackTimeoutMs: 50 } });
      const alice = await suite.agent({ did: ALICE });
      const bob = await suite.agent({ did: BOB, protocols: [ECHO] });
      await alice.send(message("1"));
      expect((await bob.receive()).context["attempt"]).toBe(1);
      expect((await bob.receive()).context["attempt"]).toBe(2);
    });
  });
}
