import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNode } from "@parley/layr8-node";
import { startSkytale } from "@parley/skytale-server";
import { expect, it } from "vitest";
import { TestAdmin } from "./admin-client.ts";

/** Every action of both servers. */
const ACTIONS: Readonly<Record<string, readonly string[]>> = {
  node: [
    "backup",
    "create-key",
    "delete-agent",
    "purge-dead-letter",
    "purge-dead-letters",
    "purge-message",
    "purge-outbound",
    "redeliver-message",
    "reload-policies",
    "replay-dead-letter",
    "revoke-key",
    "rotate-node-key",
  ],
  skytale: ["backup", "create-key", "delete-account", "delete-channel", "revoke-key", "rotate-server-key"],
};

interface Info {
  readonly sources: readonly { readonly name: string; readonly actions: readonly string[] }[];
}

async function withServers(actions: boolean, use: (admin: TestAdmin) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "parley-routes-"));
  const admin = await TestAdmin.create({ actions });
  const shared = { logger: false, admin: admin.server } as const;
  const node = await startNode({ port: 0, dataDir: join(directory, "node"), ...shared });
  const skytale = await startSkytale({ port: 0, relayPort: 0, dataDir: join(directory, "skytale"), ...shared });
  await admin.listen();
  try {
    await use(admin);
  } finally {
    await admin.close();
    await Promise.all([node.close(), skytale.close()]);
    await rm(directory, { recursive: true });
  }
}

it("refuses every action of both servers unless actions are on", () =>
  withServers(false, async (admin) => {
    for (const [source, names] of Object.entries(ACTIONS)) {
      for (const name of names) {
        const { status, body } = await admin.act(source, name, { directory: join(admin.directory, "backup") });
        expect([source, name, status, body["code"]]).toEqual([source, name, 403, "actions_off"]);
      }
    }
    expect(admin.acted).toEqual([]);
  }));

it("logs every action with its client, and this test knows all of them", () =>
  withServers(true, async (admin) => {
    const { sources } = (await admin.get("/api/info")).body as unknown as Info;
    const known = Object.fromEntries(sources.map(({ name, actions }) => [name, actions.toSorted()]));
    expect(known).toEqual(ACTIONS);
    const called = Object.entries(ACTIONS).flatMap(([source, names]) => names.map((action) => ({ source, action })));
    for (const { source, action } of called) await admin.act(source, action, { did: "did:web:localhost:nobody", hash: "a-secret-hash" });
    const by = expect.stringMatching(/^127\.0\.0\.1 test$/) as string;
    expect(admin.acted).toMatchObject(called.map((about) => ({ ...about, by })));
    expect(JSON.stringify(admin.acted)).not.toContain("a-secret-hash");
    const events = (await admin.get("/api/events?limit=1000")).body as unknown as { kind: string; outcome: string }[];
    expect(events.filter(({ kind }) => kind === "acted")).toHaveLength(called.length);
  }));
