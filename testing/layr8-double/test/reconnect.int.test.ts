import { startNode } from "@parley/layr8-node";
import { describeUnless, temporaryDirectory } from "@parley/test-assertions";
import { expect, it, onTestFinished } from "vitest";
import { DoubleAgents, missingPython, type DoubleAgent } from "../src/index.ts";
import { ECHO, GENERATIONS, KEY, Scene } from "./scene.ts";

const ALICE = "did:web:localhost:alice";
const BOB = "did:web:localhost:bob";
const ECHOING = { type: `${ECHO}/request`, action: "reply" as const, replyType: `${ECHO}/response` };
const send = (from: DoubleAgent, n: number): Promise<string[]> => from.send({ type: `${ECHO}/request`, to: [BOB], body: { n } });

describeUnless(missingPython(), "agents of layr8's SDKs that lose their connection", () => {
  async function open(): Promise<Scene> {
    const scene = await Scene.open();
    onTestFinished(() => scene.close());
    return scene;
  }

  it.each(GENERATIONS)("of the generation %s reconnect, and get the messages that have waited, in order", async (generation) => {
    const scene = await open();
    const bob = await scene.double({ generation, did: BOB, handlers: [ECHOING], backoff: 0.3 });
    const alice = await scene.double({ did: ALICE });
    await bob.kill();
    await bob.event("disconnect");
    for (let n = 0; n < 5; n++) await send(alice, n);
    await bob.event("reconnect");
    for (let n = 0; n < 5; n++) expect(await bob.message()).toMatchObject({ body: { n } });
  });

  it.each(GENERATIONS)(
    "of the generation %s get a message again that they have not acknowledged, and none that they have",
    async (generation) => {
      const scene = await open();
      const manual = [{ type: `${ECHO}/request`, action: "none" as const, manual: true }];
      const bob = await scene.double({ generation, did: BOB, handlers: manual });
      const alice = await scene.double({ did: ALICE });
      await send(alice, 1);
      await send(alice, 2);
      const first = await bob.event("message");
      expect(first).toMatchObject({ context: { attempt: 1 }, plaintext: { body: { n: 1 } } });
      await bob.acknowledge((first["plaintext"] as { id: string }).id);
      expect(await bob.event("message")).toMatchObject({ plaintext: { body: { n: 2 } } });
      // The reply to a later frame shows that the node has read the acknowledgement.
      await bob.call("heartbeat");
      await bob.kill();
      const again = await bob.event("message");
      expect(again).toMatchObject({ context: { attempt: 2 }, plaintext: { body: { n: 2 } } });
      await bob.acknowledge((again["plaintext"] as { id: string }).id);
      await bob.call("heartbeat");
      await bob.kill();
      await bob.event("reconnect");
      await bob.event("reconnect");
      await send(alice, 3);
      expect(await bob.event("message")).toMatchObject({ plaintext: { body: { n: 3 } } });
    },
  );

  it("fail what they were waiting for at once", async () => {
    const scene = await open();
    await scene.double({ did: BOB, handlers: [{ type: `${ECHO}/request`, action: "none" }] });
    const alice = await scene.double({ did: ALICE });
    const waiting = alice.request({ type: `${ECHO}/request`, to: [BOB], body: {} });
    const failed = expect(waiting).rejects.toMatchObject({ details: { name: "NotConnected" } });
    await alice.call("heartbeat");
    await alice.kill();
    await failed;
  });

  it("survive a restart of the node, which keeps their messages", async () => {
    await using directory = await temporaryDirectory();
    const apiKeys = [{ key: KEY, dids: "any" as const }];
    const start = (port: number) => startNode({ port, logger: false, apiKeys, dataDir: directory.path });
    let node = await start(0);
    const port = Number(new URL(node.httpUrl).port);
    const doubles = new DoubleAgents();
    onTestFinished(async () => {
      await doubles.close();
      await node.close();
    });
    const handlers = [{ type: `${ECHO}/request`, action: "reply" as const, replyType: `${ECHO}/response` }];
    const agent = (generation: "node" | "oldest", did: string, more: object): Promise<DoubleAgent> =>
      doubles.agent({ generation, url: node.url, apiKey: KEY, did, backoff: 0.05, ...more });
    const alice = await agent("node", ALICE, { protocols: [ECHO] });
    const bob = await agent("oldest", BOB, { handlers });
    await bob.close();
    expect(await send(alice, 1)).toEqual([BOB]);
    await node.close();
    expect(await alice.event("disconnect")).toEqual({ code: 1012 });
    node = await start(port);
    await alice.event("reconnect");
    const back = await agent("oldest", BOB, { handlers });
    expect(await back.message()).toMatchObject({ body: { n: 1 } });
    expect(await alice.message()).toMatchObject({ type: `${ECHO}/response`, body: { n: 1 } });
  });
});
