import { randomBytes } from "node:crypto";
import { describeUnless, freePort } from "@parley/test-assertions";
import { missingNats } from "@parley/test-nats";
import { expect, it, onTestFinished } from "vitest";
import { startNode } from "../../src/node.ts";
import { NodeProcess } from "../federation/node-process.ts";
import { ALICE, BOB, ECHO, KEY, toBob } from "../federation/pair.ts";
import { RawAgent } from "../raw-agent.ts";
import { useNats } from "./nats-servers.ts";

describeUnless(missingNats(1), "messages for another domain", () => {
  const nats = useNats(1);

  it("are sent by another node, in order and once, when the node that has accepted them is killed", { timeout: 240_000 }, async () => {
    const [prefix, nodeKey, portOfB] = [nats.newPrefix(), randomBytes(32), await freePort()];
    const common = { logger: false, apiKeys: [{ key: KEY, dids: "any" }] } as const;
    const killedArgs = ["--nats", nats.urls.join(","), "--nats-prefix", prefix, "--node-name", "killed", "--domain", "a.localhost"];
    const killed = new NodeProcess(await freePort(), [...killedArgs, "--peer", `b.localhost=http://127.0.0.1:${portOfB}`], {
      LAYR8_NODE_KEY: nodeKey.toString("base64"),
    });
    onTestFinished(() => killed.kill());
    await killed.start();
    const portOfHeir = await freePort();
    const heir = await startNode({
      ...common,
      port: portOfHeir,
      nats: nats.urls,
      natsPrefix: prefix,
      nodeName: "heir",
      nodeKey,
      domain: "a.localhost",
      resolution: { hosts: { "b.localhost": `http://127.0.0.1:${portOfB}` } },
    });
    onTestFinished(() => heir.close());
    const alice = await RawAgent.join({ url: killed.url, apiKey: KEY }, { did: ALICE, protocols: [ECHO] });
    const ids = Array.from({ length: 40 }, (_, index) => `m${index}`);
    for (const id of ids) expect(await alice.send(toBob(id))).toMatchObject({ status: "ok" });
    await killed.kill();

    const b = await startNode({
      ...common,
      port: portOfB,
      domain: "b.localhost",
      resolution: { hosts: { "a.localhost": `http://127.0.0.1:${portOfHeir}` } },
    });
    onTestFinished(() => b.close());
    const bob = await RawAgent.join(b, { did: BOB, protocols: [ECHO], apiKey: KEY });
    onTestFinished(() => bob.close());
    for (const id of ids) expect((await bob.receive()).plaintext).toMatchObject({ id });
    const received = async (): Promise<string | undefined> =>
      /federation_received_total\{result="accepted"\} (\d+)/.exec(await (await fetch(`${b.httpUrl}/metrics`)).text())?.[1];
    expect(await received()).toBe("40");
    await expect.poll(async () => /outbound_messages (\d+)/.exec(await (await fetch(`${heir.httpUrl}/metrics`)).text())?.[1]).toBe("0");
    // Its name is free, and it has nothing to send again.
    await killed.start();
    const again = await RawAgent.join({ url: killed.url, apiKey: KEY }, { did: ALICE, protocols: [ECHO] });
    onTestFinished(() => again.close());
    expect(await again.send(toBob("next"))).toMatchObject({ status: "ok" });
    expect((await bob.receive()).plaintext).toMatchObject({ id: "next" });
    expect(await received()).toBe("41");
  });
});
