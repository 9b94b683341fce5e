import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "layr8";
import { SkytaleChannelManager } from "skytale";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { OUTPUT_SCHEMAS } from "../src/schemas/index.ts";
import { type Ended, Workplace } from "./parley.ts";

const TASK = "https://example.com/task/1.0";
const WORKER = "did:web:localhost:worker";

let place: Workplace;

beforeEach(async () => {
  place = await Workplace.create();
});

afterEach(() => place.remove());

/** Runs a command with `--json`, and checks each object by its schema. */
async function json(schema: string, ...args: readonly string[]): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await place.run([...args, "--json"]);
  expect([code, stderr], args.join(" ")).toEqual([0, expect.any(String)]);
  const objects = stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  for (const object of objects) OUTPUT_SCHEMAS[schema]?.parse(object);
  return objects;
}

async function failed(...args: readonly string[]): Promise<Pick<Ended, "code"> & { error: { code: string; message: string } }> {
  const { code, stderr } = await place.run([...args, "--json"]);
  const last = stderr.trim().split("\n").at(-1) ?? "{}";
  return { code, ...(JSON.parse(last) as { error: { code: string; message: string } }) };
}

describe("operating servers", () => {
  it("lists, deletes, replays, makes keys, backs up and restores through parley dev", { timeout: 480_000 }, async () => {
    const dev = await place.dev();
    const { LAYR8_NODE_URL: nodeUrl = "", LAYR8_API_KEY: apiKey = "" } = dev.environment;
    const client = (agentDid: string, key = apiKey): Client => new Client({ nodeUrl, apiKey: key, agentDid }, () => undefined);
    const worker = client(WORKER);
    worker.handle(`${TASK}/do`, () => undefined);
    await worker.connect();
    await worker.close();
    const boss = client("did:web:localhost:boss");
    await boss.connect();
    await boss.send({ id: "first", type: `${TASK}/do`, to: WORKER, body: { text: "a private text" } });
    await boss.send({ id: "late", type: `${TASK}/do`, to: WORKER, body: {}, expiresTime: Math.ceil(Date.now() / 1000) + 2 });

    const [agents] = await json("agents", "agents", "list", "worker");
    expect(agents).toMatchObject({ total: 1, agents: [{ did: WORKER, isConnected: false }] });
    await expect
      .poll(async () => (await json("dead-letters", "dead-letters", "list"))[0]?.["deadLetters"], { timeout: 120_000, interval: 500 })
      .toMatchObject([{ messageId: "late", code: "e.p.msg.expired" }]);
    const [letters] = await json("dead-letters", "dead-letters", "list", WORKER);
    const [letter] = (letters?.["deadLetters"] ?? []) as { id: number }[];
    const id = String(letter?.id);
    expect((await json("dead-letter", "dead-letters", "show", id))[0]).toMatchObject({
      to: WORKER,
      plaintext: expect.any(String) as string,
    });
    await json("changed", "dead-letters", "replay", id);
    expect(await failed("dead-letters", "purge", id)).toMatchObject({ code: 3, error: { code: "action_failed" } });
    const [inbox] = await json("inbox", "inbox", "list", WORKER);
    expect(inbox).toMatchObject({ waiting: 2, messages: [{ id: "first" }, { id: "late" }] });
    const [message] = (inbox?.["messages"] ?? []) as { seq: number }[];
    const seq = String(message?.seq);
    await json("changed", "inbox", "purge", WORKER, seq);
    expect(await failed("inbox", "redeliver", WORKER, seq)).toMatchObject({ code: 3 });

    // A name that never has an address (RFC 6761).
    const [from, to] = ["did:web:localhost:boss", "did:web:shop.invalid:desk"];
    for (const id of ["order-1", "order-2", "order-3"]) await boss.send({ id, type: `${TASK}/do`, to, body: {} });
    expect((await json("outbound", "outbound", "list"))[0]).toMatchObject({ total: 3, pairs: [{ from, to, waiting: 3 }] });
    const [orders] = await json("outbound-messages", "outbound", "list", from, to);
    expect(orders?.["messages"]).toMatchObject([{ id: "order-1" }, { id: "order-2" }, { id: "order-3" }]);
    const [order] = (orders?.["messages"] ?? []) as { seq: number }[];
    await json("changed", "outbound", "purge", from, to, String(order?.seq));
    expect(await failed("outbound", "purge", from, to)).toMatchObject({ code: 2, error: { code: "usage" } });
    expect(await failed("outbound", "list", from)).toMatchObject({ code: 2, error: { code: "usage" } });
    expect((await json("changed", "outbound", "purge", from, to, "--all"))[0]).toMatchObject({ result: { purged: 2 } });
    expect(await failed("outbound", "purge", from, to, "--all")).toMatchObject({ code: 3, error: { code: "action_failed" } });

    const [created] = await json("created-key", "keys", "create", "--name", "night", "--did", WORKER);
    const key = String(created?.["key"]);
    const night = client(WORKER, key);
    await night.connect();
    await night.close();
    expect((await json("api-keys", "keys", "list"))[0]?.["keys"]).toMatchObject([{ name: "parley dev" }, { name: "night", rule: WORKER }]);
    await json("changed", "keys", "revoke", String(created?.["id"]));
    await expect(client(WORKER, key).connect()).rejects.toThrow(/key|refused|unauthorized/i);
    expect(await failed("keys", "create")).toMatchObject({ code: 2, error: { code: "usage" } });
    await json("changed", "keys", "rotate");
    expect(await failed("policies", "reload")).toMatchObject({
      code: 3,
      error: { message: expect.stringContaining("--config") as string },
    });

    const [accounts] = await json("accounts", "accounts", "list");
    const [account] = (accounts?.["accounts"] ?? []) as { id: string }[];
    const [accountKey] = await json("created-key", "keys", "create", "--server", "skytale", "--account", account?.id ?? "");
    const { SKYTALE_API_URL: apiUrl = "", SKYTALE_RELAY: endpoint = "" } = dev.environment;
    const config = { apiUrl, endpoint, apiKey: String(accountKey?.["key"]), identity: "alice", onWarning: () => undefined };
    const alice = new SkytaleChannelManager({ ...config, dataDir: join(place.path, "alice") });
    await alice.create("acme/team/general");
    await alice.close();
    const completed = async (...words: readonly string[]): Promise<string> => (await place.run(["__complete", "--", ...words])).stdout;
    expect(await completed("channels", "listen", "")).toBe("acme/team/general\n");
    expect(await completed("inbox", "list", "did:web:localhost:w")).toBe(`${WORKER}\n`);
    await json("changed", "channels", "delete", "acme/team/general");
    expect(await failed("channels", "delete", "acme/team/general")).toMatchObject({ code: 3, error: { message: "no such channel" } });

    const [backup] = await json("backup", "backup", "saved");
    expect(backup).toEqual({ server: "node", directory: join(place.path, "saved") });
    await json("backup", "backup", "saved-skytale", "--server", "skytale");
    expect(await failed("restore", "saved", "--data-dir", ".parley/node")).toMatchObject({ code: 1, error: { code: "data_dir_locked" } });
    await json("changed", "agents", "delete", WORKER);
    expect(await failed("agents", "delete", WORKER)).toMatchObject({ code: 3 });
    await json("backup", "restore", "saved", "--data-dir", "restored");
    await json("backup", "restore", "saved-skytale", "--data-dir", "restored-skytale");
    expect((await readdir(join(place.path, "restored"))).toSorted()).toEqual(expect.arrayContaining(["node.key", "node.mdb"]));
    await json("backup", "backup", "again", "--data-dir", "restored");
    expect(await failed("restore", "alice", "--data-dir", "other")).toMatchObject({ code: 2, error: { code: "not_a_backup" } });
    await boss.close();

    const text = dev.stdout();
    const acted = text.split("\n").filter((line) => line.includes("admin action"));
    for (const [action, about] of [
      ["revoke-key", `key=${String(created?.["id"])}`],
      ["create-key", "name=night"],
      ["delete-channel", "acme/team/general"],
      ["delete-agent", WORKER],
      ["purge-outbound", `${from} → ${to}`],
    ] as const) {
      const line = acted.find((each) => each.includes(action));
      expect(line).toContain(about);
      expect(line).toMatch(/by=127\.0\.0\.1 .*parley\//);
    }
    const retry = text.split("\n").find((line) => line.includes("delivery to remote node failed"));
    expect(retry).toContain(`${from} → ${to}`);
    for (const secret of ["a private text", key, String(accountKey?.["key"])]) expect(text).not.toContain(secret);
  });

  it("says that a revoked key of parley dev is valid again after a restart, and how to prevent it", { timeout: 240_000 }, async () => {
    const first = await place.dev();
    const [keys] = await json("api-keys", "keys", "list");
    const [node] = (keys?.["keys"] ?? []) as { id: string }[];
    const revoked = await place.run(["keys", "revoke", node?.id ?? ""]);
    expect(revoked).toMatchObject({ code: 0, stdout: `Revoked ${node?.id}.\n` });
    expect(revoked.stderr).toMatch(/valid again.*dev-keys\.json/s);
    const [accounts] = await json("api-keys", "keys", "list", "--server", "skytale");
    const [account] = (accounts?.["keys"] ?? []) as { id: string }[];
    expect((await place.run(["keys", "revoke", account?.id ?? "", "--server", "skytale"])).stderr).toBe("");
    type Report = { readonly checks: readonly { readonly id: string; readonly status: string; readonly remedy?: string }[] };
    const checks = async (): Promise<Report["checks"]> => {
      const { stdout } = await place.run(["doctor", "--json"]);
      return (JSON.parse(stdout) as Report).checks.filter(({ id }) => id === "node-key" || id === "account");
    };
    const remedy = expect.stringContaining("start `parley dev` again") as string;
    expect(await checks()).toMatchObject([
      { id: "node-key", status: "failed", remedy },
      { id: "account", status: "failed", remedy },
    ]);
    first.child.kill("SIGTERM");
    expect((await first.ended).code).toBe(0);

    const second = await place.dev();
    expect(await checks()).toMatchObject([{ status: "ok" }, { status: "ok" }]);
    const { LAYR8_API_KEY: nodeKey, SKYTALE_API_KEY: accountKey } = first.environment;
    expect(second.environment["LAYR8_API_KEY"]).toBe(nodeKey);
    expect(second.environment["SKYTALE_API_KEY"]).not.toBe(accountKey);
    second.child.kill("SIGTERM");
    await second.ended;
    await writeFile(join(place.path, ".parley", "dev-keys.json"), "");
    const third = await place.dev();
    expect(third.environment["LAYR8_API_KEY"]).not.toBe(nodeKey);
    await expect(
      new Client({ nodeUrl: third.environment["LAYR8_NODE_URL"], apiKey: nodeKey, agentDid: WORKER }, () => undefined).connect(),
    ).rejects.toThrow(/key|refused|unauthorized/i);
  });

  it("names what is missing without an admin server", async () => {
    expect(await failed("agents", "list")).toMatchObject({ code: 2, error: { code: "not_configured" } });
    await writeFile(join(place.path, ".env"), "LAYR8_ADMIN_URL=http://127.0.0.1:9/#token=a-token-of-the-test\n", { mode: 0o600 });
    const { code, error } = await failed("agents", "list");
    expect([code, error.code]).toEqual([5, "network"]);
    expect(JSON.stringify(error)).not.toContain("a-token-of-the-test");
  });
});

describe("two nodes", () => {
  it("exchange messages of their agents", { timeout: 240_000 }, async () => {
    const dev = await place.dev("--two-nodes", "--memory", "--no-admin");
    const [, secondUrl = ""] = /Second node: LAYR8_NODE_URL=(\S+)/.exec(dev.stderr()) ?? [];
    const { LAYR8_NODE_URL: nodeUrl = "", LAYR8_API_KEY: apiKey = "" } = dev.environment;
    const partner = new Client({ nodeUrl: secondUrl, apiKey, agentDid: "did:web:partner.localhost:worker" }, () => undefined);
    partner.handle(`${TASK}/do`, (message) => ({ type: `${TASK}/done`, body: message.body }));
    await partner.connect();
    const boss = new Client({ nodeUrl, apiKey, agentDid: "did:web:localhost:boss" }, () => undefined);
    await boss.connect();
    const answer = await boss.request({ type: `${TASK}/do`, to: partner.did, body: { n: 1 } }, { timeoutMs: 120_000 });
    expect(answer.body).toEqual({ n: 1 });
    await Promise.all([boss.close(), partner.close()]);
  });
});

describe("bridges", () => {
  it("runs the routes of a configuration until a signal", { timeout: 240_000 }, async () => {
    await place.dev("--no-admin");
    for (const channel of ["acme/a2a/desk", "acme/slim/out"]) {
      expect((await place.run(["channels", "create", channel, "--identity", "bridge"])).code).toBe(0);
    }
    await writeFile(
      join(place.path, "bridge.json"),
      JSON.stringify({ routes: [{ source: "acme/a2a/desk", target: "acme/slim/out", from: "a2a", to: "slim" }] }),
    );
    const bridge = place.start(["bridge", "run", "bridge.json", "--identity", "bridge", "--json"]);
    await bridge.saw('"started"');
    bridge.child.kill("SIGINT");
    const { code, stdout } = await bridge.ended;
    expect(code).toBe(130);
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => OUTPUT_SCHEMAS["bridge"]?.parse(JSON.parse(line)) as { event: string });
    expect(events.map(({ event }) => event)).toEqual(["started", "ended"]);
    await writeFile(join(place.path, "bridge.json"), '{"routes":[{"source":"a"}]}');
    expect(await failed("bridge", "run", "bridge.json")).toMatchObject({
      code: 2,
      error: { message: expect.stringContaining("routes.0") as string },
    });
  });
});
