import { spawnSync } from "node:child_process";
import { cp, mkdir, readFile, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ServerStorage } from "@parley/server-kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import { accountKeys, keys, type KeyRecord } from "../../src/api/records.ts";
import { transact } from "../../src/registry/transaction.ts";
import { openStores, SCHEMA } from "../../src/open-stores.ts";
import { ApiClient } from "../api/api-client.ts";
import { bin, runCommand, startCommand, type RunningCommand } from "./command.ts";

const URLS = ["SKYTALE_API_URL", "SKYTALE_RELAY"];
const FREE = ["--port", "0", "--relay-port", "0"];

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let data: string;
let running: RunningCommand[];

async function start(args: readonly string[], names: readonly string[]): Promise<RunningCommand> {
  const command = await startCommand(args, names);
  running.push(command);
  return command;
}

function client({ printed }: RunningCommand, key = printed["SKYTALE_API_KEY"]): ApiClient {
  return new ApiClient(printed["SKYTALE_API_URL"] ?? "", key);
}

beforeEach(async () => {
  running = [];
  folder = await temporaryDirectory();
  data = join(folder.path, "data");
});

afterEach(async () => {
  for (const command of running) expect(await command.stop("SIGTERM")).toBe(0);
  await folder.remove();
});

describe("skytale-server", () => {
  it("prints what agents need, the first time with a key, and stops with 0 on SIGTERM", async () => {
    const first = await start([...FREE, "--data-dir", data], [...URLS, "SKYTALE_API_KEY"]);
    expect(first.printed).toEqual({
      SKYTALE_API_URL: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      SKYTALE_RELAY: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      SKYTALE_API_KEY: expect.stringMatching(/^sk_live_/),
    });
    const key = first.printed["SKYTALE_API_KEY"];
    expect((await client(first).get("/v1/accounts/me")).body).toMatchObject({ name: "operator" });
    expect(await running.pop()?.stop("SIGTERM")).toBe(0);
    const second = await start(["start", ...FREE, "--data-dir", data], URLS);
    expect(second.printed).not.toHaveProperty("SKYTALE_API_KEY");
    expect((await client(second, key).get("/v1/accounts/me")).status).toBe(200);
  });

  it("runs the API in a process of its own with --workers, and stops with 0 on SIGTERM", async () => {
    const command = await start([...FREE, "--workers"], [...URLS, "SKYTALE_API_KEY"]);
    expect((await client(command).get("/v1/accounts/me")).body).toMatchObject({ name: "operator" });
    expect(await (await fetch(`${command.printed["SKYTALE_API_URL"]}/metrics`)).text()).toMatch(/^skytale_worker_crashes_total 0$/m);
  });

  it("leaves no process of a worker behind when it is killed", async () => {
    const command = await startCommand([...FREE, "--workers"], URLS);
    expect(await command.stop("SIGKILL")).toBe(null);
    await expect
      .poll(() =>
        client(command, "sk_live_nothing")
          .get("/v1/accounts/me")
          .catch(() => "refused"),
      )
      .toBe("refused");
  });

  it("takes its options from a file too", async () => {
    const config = join(folder.path, "config.json");
    await writeFile(config, JSON.stringify({ port: 0, relayPort: 0, dataDir: data, signup: "closed" }));
    const command = await start(["--config", config], [...URLS, "SKYTALE_API_KEY"]);
    expect((await client(command).post("/v1/accounts", { email: "x@example.org", name: "x" })).status).toBe(403);
  });

  it("makes accounts, and makes, lists and revokes their keys", async () => {
    await mkdir(data);
    const ok = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await runCommand(...args, "--data-dir", data);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      return stdout;
    };
    const [, account = ""] =
      /^account (\S+)\nkey sk_live_\S+\n$/.exec(await ok("accounts", "create", "--email", "a@example.org", "--name", "shop")) ?? [];
    expect(await ok("accounts", "list")).toMatch(new RegExp(`^${account}\\t\\S+\\ta@example.org\\tshop\\n$`));
    const made = await ok("keys", "create", "--account", account, "--name", "laptop", "--test");
    const [, id = "", key = ""] = /^id (\S+)\nkey (sk_test_\S+)\n$/.exec(made) ?? [];
    const list = await ok("keys", "list", "--account", account);
    expect(list).toMatch(new RegExp(`^${id}\\t\\S+\\ttest\\tlaptop$`, "m"));
    expect(list).not.toContain(key);

    const command = await start([...FREE, "--data-dir", data], URLS);
    expect((await client(command, key).get("/v1/accounts/me")).body).toMatchObject({ id: account });
    expect((await runCommand("keys", "list", "--account", account, "--data-dir", data)).stderr).toContain(
      "stop the server first. Keys can also be managed over the API",
    );
    expect(await running.pop()?.stop("SIGTERM")).toBe(0);
    await ok("keys", "revoke", id);
    expect(await ok("keys", "list", "--account", account)).not.toContain("laptop");

    // Older versions made ids that begin with a dash.
    const old = "-W3456789abcdefg";
    const storage = await ServerStorage.open({ dataDir: data, schema: SCHEMA });
    await transact((await openStores(storage)).registry, async (transaction) => {
      const record: KeyRecord = { id: old, accountId: account, name: "old", mode: "live", hash: "", createdAt: 0 };
      transaction.put(keys, [old], record);
      transaction.put(accountKeys, [account, old], { id: old });
    });
    await storage.close();
    expect(await ok("keys", "list", "--account", account)).toContain(old);
    await ok("keys", "revoke", old);
    expect(await ok("keys", "list", "--account", account)).not.toContain(old);
  });

  it.each([
    ["accounts", "list"],
    ["accounts", "create", "--email", "a@example.org"],
    ["keys", "list", "--account", "a"],
    ["keys", "revoke", "k"],
  ])("refuses a directory that isn't there: %s %s", async (...args) => {
    const { code, stdout, stderr } = await runCommand(...args, "--data-dir", data);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(
      `skytale-server: ${data} is not a data directory: it does not exist. Give the directory with which the server was started, or for a new server make an empty one, of its user and with mode 0700\n`,
    );
    expect(await readdir(folder.path)).toEqual([]);
  });

  it("writes what agents need into a file", async () => {
    const file = join(folder.path, ".env");
    const { printed } = await start([...FREE, "--data-dir", data, "--write-env", file], [...URLS, "SKYTALE_API_KEY"]);
    const lines = ["SKYTALE_API_URL", "SKYTALE_RELAY", "SKYTALE_API_KEY"].map((name) => `${name}=${printed[name]}\n`);
    await expect.poll(() => readFile(file, "utf8").catch(() => "")).toBe(lines.join(""));
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it("prints only which port is in use", async () => {
    const { printed } = await start([...FREE, "--data-dir", data], URLS);
    const { port } = new URL(printed["SKYTALE_RELAY"] ?? "");
    const { code, stderr } = await runCommand("--port", "0", "--relay-port", port, "--log", "silent");
    const message = `port ${port} of 127.0.0.1 is in use: stop the process that listens there, or choose another relayPort (0 takes a free one)`;
    expect({ code, stderr }).toEqual({ code: 1, stderr: `skytale-server: ${message}\n` });
  });

  it("prints what to run in a clone that is not built", async () => {
    const unbuilt = join(folder.path, "packages/command/bin/command.js");
    await cp(bin, unbuilt);
    await writeFile(join(folder.path, "packages/command/package.json"), '{"type":"module"}');
    await writeFile(join(folder.path, "pnpm-workspace.yaml"), "");
    await mkdir(join(folder.path, "node_modules/@parley"), { recursive: true });
    await symlink(fileURLToPath(new URL("../../../server-kit", import.meta.url)), join(folder.path, "node_modules/@parley/server-kit"));
    const { stderr } = spawnSync(process.execPath, [unbuilt, "--port", "0"], { encoding: "utf8" });
    expect(stderr).toBe("skytale-server is not built yet: run `npm run setup` and `npm run build` in the root of the repository\n");
  });

  it("prints its version", async () => {
    const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };
    expect((await runCommand("--version")).stdout).toBe(`${version}\n`);
  });

  it("explains itself", async () => {
    expect((await runCommand("--help")).stdout).toContain("--relay-port <n>");
  });

  it.each([
    [["--prot", "1"], "Unknown option --prot. Did you mean --port?"],
    [["--port", "http"], '--port must be a whole number from 0 to 65535 (0 takes a free port), not "http"'],
    [["--relay-port", "-1"], "--relay-port"],
    [["--signup", "maybe"], "--signup must be open or closed"],
    [["--log", "loud"], "--log must be one of"],
    [["--config", "/does/not/exist.json"], "--config /does/not/exist.json"],
    [["accounts", "create", "--data-dir", "x"], "missing option --email <address>"],
    [["accounts", "list"], "missing option --data-dir <path>"],
    [["accounts", "list", "--nats", "nats://n1"], 'needs the option "serverKey" (SKYTALE_SERVER_KEY)'],
    [["keys", "list", "--account", "a", "--nats", "nats://n1", "--data-dir", "x"], 'excludes the option "nats"'],
    [["keys", "create", "--data-dir", "x"], "missing option --account <id>"],
    [["keys", "revoke", "--data-dir", "x"], "missing key id"],
    [["stop"], 'Unknown command "stop"'],
    [["constructor"], 'Unknown command "constructor"'],
  ])("explains the error in %j", async (args, message) => {
    const { code, stderr } = await runCommand(...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^skytale-server: /);
    expect(stderr).toContain(message);
  });
});
