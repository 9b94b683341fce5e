import { describe, expect } from "vitest";
import { ALICE, BOB, ECHO, message, type NodeSuite, ORDER } from "./suite.ts";

/** What a node answers in the name of an agent. */
export function builtinProtocols(suite: NodeSuite): void {
  describe("built-in protocols", () => {
    const PING = "https://didcomm.org/trust-ping/2.0/ping";

    suite.it("respond to a ping only if no agent handles it", async () => {
      const alice = await suite.agent({ did: ALICE });
      await suite.agent({ did: BOB, protocols: [ECHO] });
      expect(await alice.send(message("p1", { type: PING, body: {} }))).toEqual(suite.ok);
      expect((await alice.receive()).plaintext).toMatchObject({
        type: "https://didcomm.org/trust-ping/2.0/ping-response",
        from: BOB,
        thid: "p1",
      });
      const bob = await suite.agent({ did: BOB, protocols: ["https://didcomm.org/trust-ping/2.0"], replyProtocol: true });
      await alice.send(message("p2", { type: PING, body: {} }));
      expect((await bob.receive()).plaintext["id"]).toBe("p2");
      bob.reply("p2", "pass");
      expect((await alice.receive()).plaintext).toMatchObject({ thid: "p2" });
    });

    suite.it("respond to a ping on a thread, which no agent waits for", async () => {
      const alice = await suite.agent({ did: ALICE });
      await suite.agent({ did: BOB, protocols: [ECHO] });
      await alice.send(message("p1", { type: PING, body: {}, thid: "thread" }));
      expect((await alice.receive()).plaintext).toMatchObject({ from: BOB, thid: "thread" });
    });

    suite.it("stay silent when no response is requested", async () => {
      const alice = await suite.agent({ did: ALICE });
      await suite.agent({ did: BOB });
      expect(await alice.send(message("p1", { type: PING, body: { response_requested: false } }))).toEqual(suite.ok);
      await alice.send(message("p2", { type: PING, body: {} }));
      expect((await alice.receive()).plaintext).toMatchObject({ thid: "p2" });
    });

    suite.it("disclose the protocols that agents have bound", async () => {
      const alice = await suite.agent({ did: ALICE });
      await suite.agent({ did: BOB, protocols: [ECHO, ORDER] });
      const queries = [
        { "feature-type": "protocol", match: "https://layr8.io/*/echo/*" },
        { "feature-type": "goal-code", match: "*" },
        "junk",
      ];
      await alice.send(message("q", { type: "https://didcomm.org/discover-features/2.0/queries", body: { queries } }));
      expect((await alice.receive()).plaintext).toMatchObject({
        type: "https://didcomm.org/discover-features/2.0/disclose",
        thid: "q",
        body: { disclosures: [{ "feature-type": "protocol", id: ECHO }] },
      });
    });
  });
}
