import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer as createHttp, type RequestListener, type Server } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNode, type Layr8Node } from "@parley/layr8-node";
import { startSkytale, type SkytaleServer } from "@parley/skytale-server";
import { lockDirectory } from "@parley/storage/directory-lock";
import { CERTIFICATE, PRIVATE_KEY } from "@parley/test-assertions";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { writeBundle } from "../src/doctor/bundle.ts";
import { type CheckReport, type DoctorContext, type DoctorReport, runChecks } from "../src/doctor/check.ts";
import { CHECKS } from "../src/doctor/checks.ts";
import { OUTPUT_SCHEMAS } from "../src/schemas/index.ts";

const KEY = "a-key-of-the-node-that-is-secret";
const NOBODY = "http://127.0.0.1:9";

let node: Layr8Node;
let skytale: SkytaleServer;
let folder: string;
let servers: Server[];
let environment: Record<string, string>;

beforeAll(async () => {
  node = await startNode({ port: 0, logger: false, apiKeys: [{ key: KEY, dids: "any" }] });
  skytale = await startSkytale({ port: 0, relayPort: 0, logger: false });
});

afterAll(async () => {
  await Promise.all([node.close(), skytale.close()]);
});

beforeEach(async () => {
  servers = [];
  folder = await mkdtemp(join(tmpdir(), "parley-doctor-"));
  environment = {
    HOME: folder,
    LAYR8_NODE_URL: node.url,
    LAYR8_API_KEY: KEY,
    SKYTALE_API_URL: skytale.apiUrl,
    SKYTALE_RELAY: skytale.relayUrl,
    SKYTALE_API_KEY: skytale.apiKey ?? "",
  };
});

afterEach(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await rm(folder, { recursive: true, force: true });
});

function contextWith(changes: Partial<DoctorContext> = {}): DoctorContext {
  return {
    environment,
    cwd: folder,
    cliVersion: "1.2.3",
    nodeVersion: "20.20.2",
    settings: { source: undefined, others: [] },
    minFreeBytes: 1,
    maxFlushMs: Infinity,
    timeoutMs: 30_000,
    ...changes,
  };
}

async function examine(changes?: Partial<DoctorContext>): Promise<DoctorReport & { readonly of: (id: string) => CheckReport | undefined }> {
  const report = await runChecks(CHECKS, contextWith(changes));
  expect(OUTPUT_SCHEMAS["doctor"]?.safeParse(report)).toMatchObject({ success: true });
  return { ...report, of: (id) => report.checks.find((check) => check.id === id) };
}

/** An HTTP server in place of the node. */
async function serve(listener: RequestListener, isTls = false): Promise<string> {
  const server = isTls ? createHttps({ cert: CERTIFICATE, key: PRIVATE_KEY }, listener) : createHttp(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `${isTls ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const json =
  (value: object): RequestListener =>
  (_request, response) =>
    response.end(JSON.stringify(value));

describe("parley doctor", () => {
  it("passes with working servers, and skips what does not apply", async () => {
    const { ok, exit, checks } = await examine();
    expect(checks.filter(({ status }) => status === "failed" || status === "warning")).toEqual([]);
    expect([ok, exit]).toEqual([true, 0]);
    const skipped = checks.flatMap(({ id, status }) => (status === "skipped" ? [id] : []));
    expect(skipped).toEqual(["contexts", "data-directory", "data-lock", "data-write", "data-space"]);
  });

  it("names each failure with a remedy, and skips the checks that need it", async () => {
    const { of, exit, checks } = await examine({ environment: { ...environment, LAYR8_NODE_URL: NOBODY } });
    expect(of("node-reachable")).toMatchObject({ status: "failed", found: "nothing listens on port 9 of 127.0.0.1", exit: 5 });
    expect(of("node-reachable")?.remedy).toContain("start the node with `parley dev` or `layr8-node`");
    expect(of("node-tls")).toMatchObject({ status: "skipped", found: "needs node-reachable" });
    expect(of("account")?.status).toBe("ok");
    expect(exit).toBe(5);
    for (const { status, remedy } of checks) expect(remedy !== undefined).toBe(status === "failed" || status === "warning");
  });
});

describe("checks of this machine", () => {
  it.each(["18.20.0", "20.18.3", "21.7.3", "22.11.0"])("node-js: Node %s is not supported", async (nodeVersion) => {
    expect((await examine({ nodeVersion })).of("node-js")).toMatchObject({ status: "failed", exit: 1 });
  });

  it("contexts: the file is damaged, or readable by others", async () => {
    const file = join(folder, ".config/parley/contexts.json");
    await mkdir(join(folder, ".config/parley"), { recursive: true });
    await writeFile(file, `{"contexts": "${KEY}`, { mode: 0o600 });
    const damaged = await examine();
    expect(damaged.of("contexts")).toMatchObject({ status: "failed", found: `${file} cannot be read: it is not valid JSON`, exit: 2 });
    expect(JSON.stringify(damaged.checks)).not.toContain(KEY);
    await writeFile(file, JSON.stringify({ contexts: { here: { LAYR8_NODE_URL: node.url } } }));
    await chmod(file, 0o644);
    expect((await examine()).of("contexts")).toMatchObject({ status: "warning", remedy: `run: chmod 600 ${file}` });
  });

  it("env-file: other users can read it", async () => {
    await writeFile(join(folder, ".env"), "A=1\n");
    await chmod(join(folder, ".env"), 0o640);
    expect((await examine()).of("env-file")).toMatchObject({ status: "warning", remedy: `run: chmod 600 ${join(folder, ".env")}` });
  });

  it("settings: no server is known, a key is missing, or the named context is unknown", async () => {
    const none = await examine({ environment: { HOME: folder } });
    expect(none.of("settings")).toMatchObject({ status: "failed", exit: 2 });
    expect(none.of("settings")?.remedy).toContain("start `parley dev`");
    expect(none.exit).toBe(2);
    const keyless = await examine({ environment: { HOME: folder, LAYR8_NODE_URL: node.url } });
    expect(keyless.of("settings")).toMatchObject({ status: "failed", found: "environment has a URL without LAYR8_API_KEY" });
    expect((await examine({ contextName: "prod" })).of("settings")).toMatchObject({ found: "unknown context prod", exit: 2 });
  });

  it("settings: reports the place that is used, and those that are not", async () => {
    await writeFile(join(folder, ".env"), `LAYR8_NODE_URL=${NOBODY}\nLAYR8_API_KEY=other\n`, { mode: 0o600 });
    expect((await examine()).of("settings")?.found).toBe("from environment; not used: .env");
    expect((await examine({ environment: { HOME: folder } })).of("settings")?.found).toBe("from .env");
  });
});

describe("checks of the data directory", () => {
  it("data-directory: it is missing, a file, or open to others", async () => {
    expect((await examine({ dataDirectory: "nowhere" })).of("data-directory")).toMatchObject({
      status: "failed",
      remedy: "correct --data",
    });
    await writeFile(join(folder, "file"), "");
    expect((await examine({ dataDirectory: "file" })).of("data-directory")).toMatchObject({ status: "failed", remedy: "name a directory" });
    await mkdir(join(folder, "data"));
    await chmod(join(folder, "data"), 0o755);
    const open = await examine({ dataDirectory: "data" });
    expect(open.of("data-directory")).toMatchObject({ status: "warning", remedy: `run: chmod 700 ${join(folder, "data")}` });
    expect(open.of("data-write")?.status).not.toBe("failed");
  });

  it("data-lock: a process holds it", async () => {
    const path = join(folder, "data");
    await mkdir(path, { mode: 0o700 });
    expect((await examine({ dataDirectory: "data" })).of("data-lock")?.found).toBe("free");
    const lock = await lockDirectory(path);
    expect((await examine({ dataDirectory: "data" })).of("data-lock")?.found).toContain(
      `in use by another part of this process (pid ${process.pid})`,
    );
    await lock.release();
  });

  it("data-lock, data-write: the file system accepts no files", async () => {
    const { of } = await examine({ dataDirectory: "/proc/self" });
    expect(of("data-lock")).toMatchObject({ status: "failed", exit: 1 });
    expect(of("data-write")).toMatchObject({ status: "failed", found: expect.stringContaining("cannot write there") as string });
  });

  it("data-write: a flush is slow", async () => {
    await mkdir(join(folder, "data"), { mode: 0o700 });
    expect((await examine({ dataDirectory: "data" })).of("data-write")?.status).toBe("ok");
    const { of } = await examine({ dataDirectory: "data", maxFlushMs: -1 });
    expect(of("data-write")).toMatchObject({ status: "warning", remedy: expect.stringContaining("a local disk") as string });
  });

  it("data-space: little is free", async () => {
    await mkdir(join(folder, "data"), { mode: 0o700 });
    const { of } = await examine({ dataDirectory: "data", minFreeBytes: Number.MAX_SAFE_INTEGER });
    expect(of("data-space")).toMatchObject({ status: "warning", remedy: expect.stringContaining("a full disk") as string });
  });
});

describe("checks of servers", () => {
  it.each([
    ["node-url", "LAYR8_NODE_URL"],
    ["api-url", "SKYTALE_API_URL"],
    ["relay-url", "SKYTALE_RELAY"],
  ])("%s: it is not a URL", async (id, variable) => {
    const { of, exit } = await examine({ environment: { ...environment, [variable]: "not a url" } });
    expect(of(id)).toMatchObject({ status: "failed", exit: 2, remedy: expect.stringContaining(`set ${variable}`) as string });
    expect(exit).toBe(2);
  });

  it.each([
    ["api-reachable", "SKYTALE_API_URL"],
    ["relay-reachable", "SKYTALE_RELAY"],
  ])("%s: nothing listens", async (id, variable) => {
    const { of } = await examine({ environment: { ...environment, [variable]: NOBODY } });
    expect(of(id)).toMatchObject({ status: "failed", exit: 5, found: "nothing listens on port 9 of 127.0.0.1" });
  });

  it("node-reachable: the name has no address", async () => {
    const { of } = await examine({ environment: { ...environment, LAYR8_NODE_URL: "wss://no-such-host.invalid" } });
    expect(of("node-reachable")).toMatchObject({ status: "failed", exit: 5 });
    expect(of("node-reachable")?.found).toContain("the name no-such-host.invalid has no address");
  });

  it.each([
    ["node-tls", "LAYR8_NODE_URL"],
    ["api-tls", "SKYTALE_API_URL"],
    ["relay-tls", "SKYTALE_RELAY"],
  ])("%s: the certificate is not trusted, or the port has no TLS", async (id, variable) => {
    const selfSigned = await examine({ environment: { ...environment, [variable]: await serve(json({}), true) } });
    expect(selfSigned.of(id)).toMatchObject({ status: "failed", remedy: expect.stringContaining("NODE_EXTRA_CA_CERTS") as string });
    const plain = await examine({ environment: { ...environment, [variable]: node.httpUrl.replace("http:", "https:") } });
    expect(plain.of(id)).toMatchObject({ status: "failed", found: expect.stringContaining("TLS fails") as string });
  });

  it("node-tls: keys and messages are readable on the way to another machine", async () => {
    // Linux connects 0.0.0.0 to this machine, and the check can't know that.
    const { of } = await examine({ environment: { ...environment, LAYR8_NODE_URL: node.url.replace("127.0.0.1", "0.0.0.0") } });
    expect(of("node-tls")).toMatchObject({ status: "warning", remedy: "use an https, wss or grpcs URL in LAYR8_NODE_URL" });
  });

  it("node-health: another program answers, or the server can't work", async () => {
    const other = await examine({ environment: { ...environment, LAYR8_NODE_URL: await serve(json({ hello: 1 })) } });
    expect(other.of("node-health")).toMatchObject({ status: "failed", exit: 2, found: "what answers there is not the node (HTTP 200)" });
    const failing = await serve((request, response) => {
      response.writeHead(503);
      json({ status: "failing", reason: "the disk is full" })(request, response);
    });
    const { of } = await examine({ environment: { ...environment, SKYTALE_API_URL: failing } });
    expect(of("api-health")).toMatchObject({ status: "failed", exit: 5, found: 'the API server reports "failing": the disk is full' });
  });

  it("node-version: the interface is of another version", async () => {
    const url = await serve((request, response) =>
      json(request.url === "/health" ? { status: "ok" } : { info: { version: "9" } })(request, response),
    );
    const { of } = await examine({ environment: { ...environment, LAYR8_NODE_URL: url } });
    expect(of("node-version")).toMatchObject({ status: "failed", found: "the node has interface 9; this command 1.2.3 needs 1" });
  });

  it.each([
    [-3600, "3600 s ahead of"],
    [3600, "3600 s behind"],
  ])("node-clock: it differs by %i s", async (seconds, words) => {
    const url = await serve((request, response) => {
      // Half a second is lost in the form of the header; a day's minute is far from what is measured.
      response.setHeader("date", new Date(Date.now() + seconds * 1000).toUTCString());
      json({ status: "ok" })(request, response);
    });
    const { of } = await examine({ environment: { ...environment, LAYR8_NODE_URL: url } });
    expect(of("node-clock")?.status).toBe("warning");
    expect(of("node-clock")?.found).toMatch(new RegExp(words.replace("3600", "3[56]\\d\\d")));
  });

  it("node-key, account: the server does not accept the key", async () => {
    const { of, exit } = await examine({ environment: { ...environment, LAYR8_API_KEY: "wrong", SKYTALE_API_KEY: "wrong" } });
    expect(of("node-key")).toMatchObject({ status: "failed", exit: 3, found: "the node does not accept LAYR8_API_KEY" });
    expect(of("account")).toMatchObject({ status: "failed", exit: 3, found: "the API server does not accept SKYTALE_API_KEY" });
    expect(exit).toBe(3);
  });

  it("node-echo: the key may bind DIDs of its own only", async () => {
    await using restricted = await startNode({
      port: 0,
      logger: false,
      apiKeys: [{ key: KEY, dids: ["did:web:localhost:a"], ephemeral: false }],
    });
    const { of } = await examine({ environment: { ...environment, LAYR8_NODE_URL: restricted.url } });
    expect(of("node-echo")).toMatchObject({ status: "warning", remedy: expect.stringContaining("LAYR8_AGENT_DID") as string });
  });

  it("relay-stream: the relay is that of another server", async () => {
    await using other = await startSkytale({ port: 0, relayPort: 0, logger: false });
    const { of, exit } = await examine({ environment: { ...environment, SKYTALE_RELAY: other.relayUrl } });
    expect(of("relay-stream")).toMatchObject({ status: "failed", exit: 3 });
    expect(exit).toBe(3);
  });
});

describe("the report for a bug", () => {
  it("has checks and settings, and neither keys nor the name of the home directory", async () => {
    await writeFile(join(folder, ".env"), `LAYR8_NODE_URL=ws://user:password@127.0.0.1:9\nLAYR8_API_KEY=another-secret-key\n`, {
      mode: 0o600,
    });
    const context = contextWith();
    const report = await runChecks(CHECKS, context);
    const path = join(folder, "bundle.json");
    await writeBundle(path, context, report);
    const text = await readFile(path, "utf8");
    for (const secret of [KEY, skytale.apiKey ?? "?", "another-secret-key", "password", folder]) expect(text).not.toContain(secret);
    expect(JSON.parse(text)).toMatchObject({
      cliVersion: "1.2.3",
      settings: [
        { place: "environment", used: true },
        { place: ".env", used: false },
      ],
    });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });
});
