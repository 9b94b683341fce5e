import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "layr8";
import { SkytaleChannelManager } from "skytale";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { OUTPUT_SCHEMAS } from "../src/schemas/index.ts";
import { type Ended, type Running, Workplace } from "./parley.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const echoProgram = fileURLToPath(new URL("fixtures/echo.mjs", import.meta.url));
const ERRORS = { error: z.object({ error: z.object({ code: z.string(), message: z.string(), remedy: z.string() }) }) };

let place: Workplace;

beforeEach(async () => {
  place = await Workplace.create();
});

afterEach(() => place.remove());

async function stop({ child, ended }: Running, signal: NodeJS.Signals = "SIGINT"): Promise<Ended> {
  child.kill(signal);
  return ended;
}

/** The servers of an environment that accept connections. */
async function listening(environment: Record<string, string>): Promise<string[]> {
  const urls = ["LAYR8_NODE_URL", "SKYTALE_API_URL", "SKYTALE_RELAY"].map((name) => environment[name]?.replace("ws:", "http:") ?? "");
  const answers = await Promise.all(
    urls.map((url) =>
      fetch(url).then(
        () => true,
        // The relay speaks HTTP/2 only: it closes the connection instead of refusing it.
        (error: unknown) => (error as { cause?: { code?: string } }).cause?.code !== "ECONNREFUSED",
      ),
    ),
  );
  return urls.filter((_, index) => answers[index]);
}

describe("parley dev", () => {
  it("gives agents of both servers what they need, and shows messages without bodies and keys", { timeout: 240_000 }, async () => {
    await writeFile(join(place.path, ".env"), "# mine\nOTHER=1\nLAYR8_API_KEY=old\n", { mode: 0o644 });
    expect(spawnSync("git", ["init", "--quiet", place.path]).status).toBe(0);
    const dev = await place.dev();
    const { environment } = dev;
    expect(dev.stderr()).toContain("git does not ignore .env, which has API keys: add it to .gitignore.");
    const file = await readFile(join(place.path, ".env"), "utf8");
    expect(file).toBe(
      `# mine\nOTHER=1\n${Object.entries(environment)
        .map(([name, value]) => `${name}=${value}\n`)
        .join("")}`,
    );
    expect((await stat(join(place.path, ".env"))).mode & 0o777).toBe(0o600);
    for (const name of ["dev-keys.json", "dev.json"]) expect((await stat(join(place.path, ".parley", name))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(place.path, ".parley/.gitignore"), "utf8")).toBe("*\n");

    const { code, stdout } = await place.run(["run", "--", process.execPath, echoProgram]);
    expect([code, stdout]).toEqual([0, '{"text":"a private text"}\n']);

    const { SKYTALE_API_URL: apiUrl = "", SKYTALE_RELAY: endpoint = "", SKYTALE_API_KEY: apiKey = "" } = environment;
    const config = { apiUrl, endpoint, apiKey, onWarning: () => undefined };
    const alice = new SkytaleChannelManager({ ...config, identity: "alice", dataDir: join(place.path, "alice") });
    await alice.create("acme/team/general");
    expect((await fetch(`${apiUrl}/health`)).status).toBe(200);
    await alice.send("acme/team/general", "another private text");
    await alice.close();

    await dev.saw("acme/team/general  ");
    const lines = dev.stdout().split("\n");
    const request = lines.find((line) => line.includes("message accepted") && line.includes(`${ECHO}/request`));
    expect(request).toMatch(/node {4}message accepted {2}\S+ {2}did:web:\S+ → did:web:localhost:echo {2}\d+ characters {2}id=\S+$/);
    expect(lines.some((line) => line.includes("message delivered") && line.includes(`${ECHO}/response`))).toBe(true);
    expect(lines.find((line) => line.includes("published"))).toMatch(/skytale published {2}acme\/team\/general .* B/);
    const events = lines.filter((line) => /^\d\d:/.test(line)).join("\n");
    const keys = [environment["LAYR8_API_KEY"], apiKey].map(String);
    for (const secret of ["private", ...keys]) expect(events).not.toContain(secret);
    // Calls that change something are printed; reads that succeed, and settings that never differ, with --verbose only.
    expect(events).toMatch(/call completed {2}20\d {2}POST/);
    expect(events).not.toMatch(/ {2}GET {2}|storage in use|unknown senders/);
    // Colours are for terminals only.
    expect(dev.stdout()).not.toContain("\u001b");
    expect((await stop(dev)).code).toBe(0);
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("leaves no listener, no state and no process after %s", async (signal) => {
    const dev = await place.dev();
    expect(await listening(dev.environment)).toHaveLength(3);
    expect((await stop(dev, signal)).code).toBe(0);
    expect(await listening(dev.environment)).toEqual([]);
    expect(await readdir(join(place.path, ".parley"))).not.toContain("dev.json");
  });

  it("leaves no listener after kill -9; the next start has the same keys and the messages", { timeout: 240_000 }, async () => {
    const first = await place.dev();
    const { LAYR8_NODE_URL: nodeUrl, LAYR8_API_KEY: apiKey } = first.environment;
    const connect = async (agentDid: string, node = nodeUrl): Promise<Client> => {
      const client = new Client({ nodeUrl: node, apiKey, agentDid }, () => undefined);
      return client;
    };
    const bob = await connect("did:web:localhost:bob");
    bob.handle(`${ECHO}/request`, () => undefined);
    await bob.connect();
    await bob.close();
    const alice = await connect("did:web:localhost:alice");
    await alice.connect();
    await alice.send({ type: `${ECHO}/request`, to: "did:web:localhost:bob", body: { n: 1 } });
    await stop(first, "SIGKILL");
    await alice.close();
    expect(await listening(first.environment)).toEqual([]);

    const second = await place.dev();
    expect(second.environment["LAYR8_API_KEY"]).toBe(apiKey);
    expect(second.environment["SKYTALE_API_KEY"]).toBe(first.environment["SKYTALE_API_KEY"]);
    const again = await connect("did:web:localhost:bob", second.environment["LAYR8_NODE_URL"]);
    const received = new Promise((resolve) => again.handle(`${ECHO}/request`, (message) => resolve(message.body)));
    await again.connect();
    expect(await received).toEqual({ n: 1 });
    await again.close();
    await stop(second);
  });

  it("makes a new key for an account whose key is lost", async () => {
    const first = await place.dev();
    await stop(first);
    await writeFile(join(place.path, ".parley/dev-keys.json"), "{}");
    const second = await place.dev();
    const { SKYTALE_API_KEY, SKYTALE_API_URL } = second.environment;
    expect(SKYTALE_API_KEY).not.toBe(first.environment["SKYTALE_API_KEY"]);
    const answer = await fetch(`${SKYTALE_API_URL}/v1/channels`, { headers: { authorization: `Bearer ${SKYTALE_API_KEY}` } });
    expect(answer.status).toBe(200);
    await stop(second);
  });

  it("empties its data with --reset, and nothing else", async () => {
    const first = await place.dev();
    await stop(first);
    await writeFile(join(place.path, ".parley/notes.txt"), "mine");
    const second = await place.dev("--reset");
    expect(second.environment["LAYR8_API_KEY"]).not.toBe(first.environment["LAYR8_API_KEY"]);
    expect(second.environment["SKYTALE_API_KEY"]).not.toBe(first.environment["SKYTALE_API_KEY"]);
    expect(await readFile(join(place.path, ".parley/notes.txt"), "utf8")).toBe("mine");
    await stop(second);
  });

  it("uses no directory of something else, not even with --reset", async () => {
    await mkdir(join(place.path, "project/node"), { recursive: true });
    const { code, stderr } = await place.run(["dev", "--free-ports", "--data", "project", "--reset"]);
    expect(code).toBe(2);
    expect(stderr).toContain("project is not a data directory of parley dev: it has node");
    expect(stderr).toContain("remedy: name an empty or a new directory with --data");
    expect(await readdir(join(place.path, "project"))).toContain("node");
  });

  it("rejects a second start in the same directory, with what runs there and a remedy", async () => {
    const dev = await place.dev();
    const { code, stderr } = await place.run(["dev", "--json"]);
    expect(code).toBe(1);
    const { error } = ERRORS.error.parse(JSON.parse(stderr));
    expect(error).toMatchObject({
      code: "already_running",
      message: `parley dev already runs in ${join(place.path, ".parley")} (process ${dev.child.pid})`,
      remedy: expect.stringContaining("parley run -- <command>") as string,
    });
    expect(OUTPUT_SCHEMAS["error"]?.safeParse(JSON.parse(stderr)).success).toBe(true);
    // The first one is not disturbed.
    expect(await listening(dev.environment)).toHaveLength(3);
    await stop(dev);
  });

  it.each([
    ["--node-port", "the node"],
    ["--api-port", "the API server"],
    ["--relay-port", "the relay"],
  ])("names server and option when the port of %s is taken, and leaves nothing running", async (option, server) => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const ports = ["--node-port", "--api-port", "--relay-port"].flatMap((name) => [name, name === option ? String(port) : "0"]);
    const { code, stderr } = await place.run(["dev", ...ports]);
    expect(code).toBe(1);
    expect(stderr).toContain(`port ${port} for ${server} is in use by another process`);
    expect(stderr).toContain(`${option} <port> or --free-ports`);
    expect(await readdir(join(place.path, ".parley"))).not.toContain("dev.json");
    await stop(await place.dev());
    await new Promise((resolve) => other.close(resolve));
  });

  it("keeps nothing with --memory, and writes no file with --no-env", async () => {
    const dev = await place.dev("--memory", "--no-env");
    expect(await place.run(["run", "--", process.execPath, "-p", "process.env.LAYR8_API_KEY"])).toMatchObject({
      code: 0,
      stdout: `${dev.environment["LAYR8_API_KEY"]}\n`,
    });
    await stop(dev);
    expect(await readdir(join(place.path, ".parley"))).not.toContain("node");
    expect(await readdir(place.path)).not.toContain(".env");
    const again = await place.dev("--memory");
    expect(again.environment["LAYR8_API_KEY"]).not.toBe(dev.environment["LAYR8_API_KEY"]);
    await stop(again);
  });

  it("prints one JSON object a line with --json, by the published schemas", async () => {
    const dev = await place.dev("--json");
    await place.run(["run", "--", process.execPath, echoProgram]);
    await dev.saw("message settled");
    const { stdout } = await stop(dev);
    const objects = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { event: string });
    expect(objects.filter(({ event }) => event === "ready")).toHaveLength(1);
    for (const object of objects) {
      expect(OUTPUT_SCHEMAS[object.event === "ready" ? "dev-ready" : "dev-event"]?.safeParse(object)).toMatchObject({ success: true });
    }
  });

  it("stops when the reader of its output ends", async () => {
    const bin = fileURLToPath(new URL("../bin/parley.js", import.meta.url));
    const { status } = spawnSync("sh", ["-c", `"${process.execPath}" "${bin}" dev --free-ports --no-env | head -n 1`], { cwd: place.path });
    expect(status).toBe(0);
    expect(await readdir(join(place.path, ".parley"))).not.toContain("dev.json");
  });
});
