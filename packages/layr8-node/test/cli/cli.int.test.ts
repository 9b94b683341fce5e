import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { bundleProgram } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RawClient } from "../phoenix/raw-client.ts";
import { RawAgent } from "../raw-agent.ts";

/** The command, as it is installed. */
const bin = fileURLToPath(new URL("../../bin/layr8-node.js", import.meta.url));
/** What it loads for everything but help and version, which starts faster as a bundle. */
const program = await bundleProgram(fileURLToPath(new URL("../../dist/bin.js", import.meta.url)));
const execute = promisify(execFile);

let folder: string;
let stop: (() => Promise<number | null>)[];

/** Starts the command and waits for the lines that it prints for its agents. */
async function start(
  args: readonly string[],
  lines: number,
  env: Record<string, string> = {},
  script = program,
): Promise<Record<string, string>> {
  const child = spawn(process.execPath, [script, ...args], { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "ignore"] });
  const closed = once(child, "close") as Promise<[number | null]>;
  stop.push(async () => {
    child.kill("SIGTERM");
    return (await closed)[0];
  });
  const found: Record<string, string> = {};
  for await (const line of createInterface({ input: child.stdout })) {
    const [name = "", value = ""] = line.split(/=(.*)/s);
    found[name] = value;
    if (Object.keys(found).length === lines) break;
  }
  return found;
}

async function failure(...args: string[]): Promise<string> {
  const result = await execute(process.execPath, [program, ...args]).catch((error: unknown) => error as { code: number; stderr: string });
  if (!("code" in result)) throw new Error("The command succeeded");
  expect(result.code).toBe(1);
  return result.stderr;
}

async function connects(url: string | undefined, key: string | undefined): Promise<boolean> {
  try {
    (await RawClient.open(url ?? "", { "x-api-key": key ?? "" })).close();
    return true;
  } catch {
    return false;
  }
}

beforeEach(async () => {
  stop = [];
  folder = await mkdtemp(join(tmpdir(), "layr8-cli-"));
});

afterEach(async () => {
  for (const end of stop.splice(0)) expect(await end()).toBe(0);
  await rm(folder, { recursive: true, force: true });
});

describe("layr8-node", () => {
  it("prints what agents need, and stops with 0 on SIGTERM", async () => {
    const { LAYR8_NODE_URL, LAYR8_API_KEY } = await start(["--port", "0"], 2, {}, bin);
    expect(LAYR8_NODE_URL).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/plugin_socket\/websocket$/);
    expect(await connects(LAYR8_NODE_URL, LAYR8_API_KEY)).toBe(true);
    expect(await connects(LAYR8_NODE_URL, "another key")).toBe(false);
  });

  it("writes the settings of agents into a file, and prints at the second start how to create another key", async () => {
    const file = join(folder, ".env");
    const args = ["--port", "0", "--data-dir", join(folder, "data"), "--write-env", file];
    const first = await start(args, 2);
    await expect
      .poll(() => readFile(file, "utf8").catch(() => ""))
      .toBe(`LAYR8_NODE_URL=${first["LAYR8_NODE_URL"]}\nLAYR8_API_KEY=${first["LAYR8_API_KEY"]}\n`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await stop.pop()?.()).toBe(0);

    await execute("git", ["init", "--quiet", folder]);
    const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    const closed = once(child, "close");
    let said = "";
    child.stderr.on("data", (data) => (said += String(data)));
    await expect.poll(() => said).toContain("layr8-node keys create --any --data-dir");
    await expect.poll(() => said).toContain(`git does not ignore ${file}, which has API keys: add it to .gitignore`);
    const key = `LAYR8_API_KEY=${first["LAYR8_API_KEY"]}`;
    await expect.poll(() => readFile(file, "utf8")).toMatch(new RegExp(`^${key}\nLAYR8_NODE_URL=ws://`));
    expect(await readFile(file, "utf8")).not.toContain(first["LAYR8_NODE_URL"]);
    child.kill("SIGTERM");
    await closed;
  });

  it("prints what to run in a clone that is not built", async () => {
    const unbuilt = join(folder, "packages/command/bin/command.js");
    await cp(bin, unbuilt);
    await writeFile(join(folder, "packages/command/package.json"), '{"type":"module"}');
    await writeFile(join(folder, "pnpm-workspace.yaml"), "");
    await mkdir(join(folder, "node_modules/@parley"), { recursive: true });
    await symlink(fileURLToPath(new URL("../../../server-kit", import.meta.url)), join(folder, "node_modules/@parley/server-kit"));
    const failed = execute(process.execPath, [unbuilt, "--port", "0"]);
    const { stderr } = (await failed.catch((error: unknown) => error)) as { stderr: string };
    expect(stderr).toBe("layr8-node is not built yet: run `npm run setup` and `npm run build` in the root of the repository\n");
  });

  it("prints its version, and an example", async () => {
    const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };
    expect((await execute(process.execPath, [bin, "--version"])).stdout).toBe(`${version}\n`);
    expect((await execute(process.execPath, [bin, "--help"])).stdout).toContain("node --env-file=.env agent.mjs");
  });

  it("takes its key from the environment and its options from a file", async () => {
    const config = join(folder, "node.json");
    await writeFile(config, JSON.stringify({ port: 0, dataDir: join(folder, "data"), limits: { maxInFlight: 10 } }));
    const { LAYR8_NODE_URL } = await start(["start", "--config", config], 1, { LAYR8_NODE_API_KEY: "a key of the operator" });
    expect(await connects(LAYR8_NODE_URL, "a key of the operator")).toBe(true);
  });

  it("prints at its start whose messages it accepts, and reads known hosts from options and configuration", async () => {
    const config = join(folder, "node.json");
    await writeFile(config, JSON.stringify({ port: 0, knownHosts: ["one.example"] }));
    const told = async (...args: readonly string[]): Promise<string> => {
      const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "ignore", "pipe"] });
      const closed = once(child, "close");
      let said = "";
      child.stderr.on("data", (data) => (said += String(data)));
      await expect.poll(() => said, { timeout: 20_000 }).toContain("messages of");
      child.kill("SIGTERM");
      await closed;
      return said.split("\n").find((line) => line.includes("messages of")) ?? "";
    };
    expect(await told("--port", "0")).toContain("limited by address");
    expect(await told("--config", config)).toContain('"knownHosts":["one.example"]');
    const peer = ["--peer", "two.example=http://127.0.0.1:9"];
    expect(await told("--config", config, "--known-host", "three.example:8443", ...peer)).toContain(
      '"knownHosts":["one.example","three.example:8443","two.example"]',
    );
    expect(await told("--port", "0", "--known-hosts-only", ...peer)).toContain('"knownHosts":["two.example"]');
  });

  it("takes from its configuration, or from --peer, how other hosts are reached", async () => {
    const issuing = await start(["--port", "0"], 2);
    const rest = (call: string, { LAYR8_NODE_URL = "", LAYR8_API_KEY = "" }: Record<string, string>, body: object) =>
      fetch(new URL(call, LAYR8_NODE_URL.replace("ws:", "http:")), {
        method: "POST",
        headers: { "x-api-key": LAYR8_API_KEY, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    const credential = {
      "@context": ["https://www.w3.org/ns/credentials/v2"],
      id: "urn:uuid:5d7c8f0e-2d8e-4a52-9f0c-5f7b9cf0a001",
      type: ["VerifiableCredential"],
      issuer: "did:web:issuer.example",
      credentialSubject: { id: "did:web:subject.example" },
    };
    const signing = await rest("/api/v1/credentials/sign", issuing, { credential, issuer_did: credential.issuer });
    const { signed_credential } = (await signing.json()) as { signed_credential: string };

    const config = join(folder, "node.json");
    const origin = new URL((issuing["LAYR8_NODE_URL"] ?? "").replace("ws:", "http:")).origin;
    await writeFile(config, JSON.stringify({ port: 0, resolution: { hosts: { "issuer.example": origin } } }));
    const body = { signed_credential, verifier_did: "did:web:verifier.example" };
    for (const args of [
      ["--config", config],
      ["--port", "0", "--peer", "other.example=http://127.0.0.1:1", "--peer", `issuer.example=${origin}`],
    ]) {
      const verifying = await start(args, 2);
      expect((await rest("/api/v1/credentials/verify", verifying, body)).status).toBe(200);
    }
  });

  it("reads its policies again after SIGHUP, and keeps the present ones if the file is broken", async () => {
    const config = join(folder, "node.json");
    const [alice, bob, type] = ["did:web:localhost:alice", "did:web:localhost:bob", "https://example.com/p/1.0/t"];
    await writeFile(config, JSON.stringify({ port: 0 }));
    const child = spawn(process.execPath, [program, "--config", config], { stdio: ["ignore", "pipe", "pipe"] });
    const closed = once(child, "close");
    let log = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
    const found: Record<string, string> = {};
    for await (const line of createInterface({ input: child.stdout })) {
      const [name = "", value = ""] = line.split(/=(.*)/s);
      found[name] = value;
      if (found["LAYR8_API_KEY"] !== undefined) break;
    }
    const node = { url: found["LAYR8_NODE_URL"] ?? "", apiKey: found["LAYR8_API_KEY"] };
    const receiver = await RawAgent.join(node, { did: bob, protocols: ["https://example.com/p/1.0"] });
    const sender = await RawAgent.join(node, { did: alice });
    const send = async (id: string): Promise<unknown> => (await sender.send({ id, type, from: alice, to: [bob], body: {} }))["status"];
    expect(await send("1")).toBe("ok");
    await writeFile(config, JSON.stringify({ port: 0, policies: [{ did: bob, deny: [alice] }] }));
    child.kill("SIGHUP");
    await expect.poll(() => log).toContain("policies reloaded: 1 in force");
    expect(await send("2")).toBe("error");
    await writeFile(config, JSON.stringify({ port: 0, policies: [{ did: bob, dney: [] }] }));
    child.kill("SIGHUP");
    await expect.poll(() => log).toContain("reload failed");
    expect(log).toContain("dney");
    expect(await send("3")).toBe("error");
    for (const agent of [receiver, sender]) agent.close();
    child.kill("SIGTERM");
    expect(await closed).toEqual([0, null]);
  });

  it("takes the node key from the environment, for its commands too, and refuses another one", async () => {
    const nodeKey = Buffer.alloc(32, 7).toString("base64");
    const env = { LAYR8_NODE_KEY: nodeKey, LAYR8_NODE_API_KEY: "a key of the operator" };
    const { LAYR8_NODE_URL = "" } = await start(["--port", "0", "--data-dir", folder], 1, env);
    const client = await RawClient.open(LAYR8_NODE_URL, { "x-api-key": env.LAYR8_NODE_API_KEY });
    const { host } = new URL(LAYR8_NODE_URL);
    const did = `did:web:${host.replace(":", "%3A")}:agent`;
    await client.push(`plugins:${did}`, "phx_join", {});
    client.close();
    // Asking for the document makes the keys.
    expect((await fetch(`http://${host}/agent/did.json`)).status).toBe(200);
    await stop.pop()?.();
    expect(await readdir(folder)).not.toContain("node.key");

    const other = { ...process.env, LAYR8_NODE_KEY: Buffer.alloc(32, 8).toString("base64") };
    const listing = (args: readonly string[], environment: NodeJS.ProcessEnv) =>
      execute(process.execPath, [program, ...args, "--data-dir", folder], { env: environment });
    await expect(listing(["keys", "list"], other)).rejects.toThrow("The node key is not the one that the private keys in");
    await expect(listing(["--port", "0"], other)).rejects.toThrow("The node key is not the one that the private keys in");
    const { stdout } = await listing(["keys", "list"], { ...process.env, LAYR8_NODE_KEY: nodeKey });
    expect(stdout).toBe("");
  });

  it.each(["short", "x".repeat(42), Buffer.alloc(31).toString("base64"), "not base64!"])(
    "refuses %j as a node key, and doesn't repeat it",
    async (text) => {
      const failed = execute(process.execPath, [program, "--port", "0"], { env: { ...process.env, LAYR8_NODE_KEY: text } });
      const { stderr } = (await failed.catch((error: unknown) => error)) as { stderr: string };
      expect(stderr).toBe("layr8-node: LAYR8_NODE_KEY must hold 32 bytes in base64\n");
    },
  );

  it("makes, lists and revokes API keys of a data directory", async () => {
    const keys = async (...args: string[]) => (await execute(process.execPath, [program, "keys", ...args, "--data-dir", folder])).stdout;
    const [, id = "", key] =
      /^id (\S+)\nkey (\S+)\n$/.exec(await keys("create", "--name", "shop", "--did", "did:web:shop.example:*")) ?? [];
    await keys("create", "--any");
    const list = await keys("list");
    expect(list).toMatch(new RegExp(`^${id}\\t\\S+\\tshop\\tdid:web:shop.example:\\*$`, "m"));
    expect(list).not.toContain(key);
    const { LAYR8_NODE_URL } = await start(["--port", "0", "--data-dir", folder], 1);
    expect(await connects(LAYR8_NODE_URL, key)).toBe(true);
    expect(await failure("keys", "list", "--data-dir", folder)).toContain("stop the node, run this command again");
    await stop.pop()?.();
    await keys("revoke", id);
    expect(await keys("list")).not.toContain("shop");
  });

  it.each([["list"], ["create", "--any"], ["revoke", "k"]])("refuses a directory that isn't there: keys %s", async (...args) => {
    const data = join(folder, "typo");
    expect(await failure("keys", ...args, "--data-dir", data)).toBe(
      `layr8-node: ${data} is not a data directory: it does not exist. Give the directory with which the server was started, or for a new server make an empty one, of its user and with mode 0700\n`,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([
    [["--prot", "1"], "Unknown option --prot. Did you mean --port?"],
    [["--port", "http"], '--port must be a whole number from 0 to 65535 (0 takes a free port), not "http"'],
    [["--peer", "partner.example"], "--peer partner.example must be <host>=<origin>"],
    [["--peer", "partner.example=nonsense"], "partner.example must be an http or https origin"],
    [["--log", "loud"], "--log must be one of"],
    [["--config", "/does/not/exist.json"], "--config /does/not/exist.json"],
    [["keys", "create", "--data-dir", "x"], "missing option: --did"],
    [["keys", "list"], "missing option --data-dir"],
    [["keys", "revoke", "--data-dir", "x"], "missing key id"],
    [["stop"], 'Unknown command "stop"'],
  ])("reports the error in %j", async (args, message) => {
    const said = await failure(...args);
    expect(said).toMatch(/^layr8-node: /);
    expect(said).toContain(message);
  });
});
