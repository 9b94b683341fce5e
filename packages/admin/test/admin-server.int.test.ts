import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AdminRecorder } from "@parley/server-kit";
import { AdminServer } from "../src/admin-server.ts";

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const TOKEN = "a-token-of-the-test-0123456789";
let files: string;
let admin: AdminServer;
let record: AdminRecorder;
let port: number;
let acted: unknown[] = [];

beforeAll(async () => {
  files = await mkdtemp(join(tmpdir(), "parley-admin-"));
  await writeFile(join(files, "index.html"), "<!doctype html><title>page</title>");
  await writeFile(join(files, "console-01234567.js"), "export {};");
  admin = new AdminServer({ port: 0, token: TOKEN, files, bodies: true, actions: true, onAction: (action) => acted.push(action) });
  record = admin.attach({
    name: "node",
    title: "a node",
    reads: { overview: ({ q }) => ({ q }) },
    actions: {
      "revoke-key": ({ key }) => ({ key }),
      fail: () => {
        throw new Error("it can't be done");
      },
    },
    sample: () => ({ acceptedTotal: 1 }),
  });
  await admin.listen();
  port = Number(new URL(admin.url).port);
});

afterAll(async () => {
  await admin.close();
  await rm(files, { recursive: true });
});

/** `fetch` replaces `Host`, so these tests use `node:http`. */
async function call(
  path: string,
  { method = "GET", headers = {}, body }: { method?: string; headers?: OutgoingHttpHeaders; body?: string } = {},
): Promise<Answer> {
  const sent = request({ host: "127.0.0.1", port, path, method, headers });
  sent.end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  let text = "";
  for await (const part of response.setEncoding("utf8")) {
    text += String(part);
    // A stream doesn't end.
    if (response.headers["content-type"] === "text/event-stream") break;
  }
  return { status: response.statusCode ?? 0, headers: response.headers, body: text };
}

/** The code of an error. */
function codeOf({ body }: Answer): string {
  return (JSON.parse(body) as { code: string }).code;
}

const auth = { authorization: `Bearer ${TOKEN}` };

describe("access", () => {
  const CALLS = [
    ["GET", "/api/info"],
    ["GET", "/api/events"],
    ["GET", "/api/thread?id=1"],
    ["GET", "/api/problems"],
    ["GET", "/api/codes"],
    ["GET", "/api/samples"],
    ["GET", "/api/body?seq=1"],
    ["GET", "/api/stream"],
    ["GET", "/api/read/node/overview"],
    ["POST", "/api/act/node/revoke-key"],
  ] as const;
  const FILES = [
    ["GET", "/"],
    ["GET", "/console-01234567.js"],
  ] as const;

  it("tests every route", () => {
    const tested = [...CALLS, ...FILES].map(([method, path]) => `${method} ${path.split("?")[0]}`);
    const routes = admin.routes.map((route) =>
      route.replace(":source", "node").replace(":name", route.startsWith("POST") ? "revoke-key" : "overview"),
    );
    expect(routes.filter((route) => !route.startsWith("HEAD ")).toSorted()).toEqual(tested.toSorted());
  });

  it.each([...CALLS, ...FILES, ["GET", "/missing"]] as const)("refuses %s %s with a foreign Host or Origin", async (method, path) => {
    const foreign: [OutgoingHttpHeaders, string][] = [
      [{ host: "evil.example" }, "wrong_host"],
      [{ host: `evil.example:${port}` }, "wrong_host"],
      [{ host: `127.0.0.1.evil.example:${port}` }, "wrong_host"],
      [{ host: `127.0.0.1:${port + 1}` }, "wrong_host"],
      [{ host: `127.0.0.1:${port}@evil.example` }, "wrong_host"],
      [{ origin: "https://evil.example" }, "wrong_origin"],
      [{ origin: "null" }, "wrong_origin"],
      [{ origin: `http://127.0.0.1:${port + 1}` }, "wrong_origin"],
      [{ "sec-fetch-site": "cross-site" }, "wrong_origin"],
      [{ "sec-fetch-site": "same-site" }, "wrong_origin"],
    ];
    for (const [headers, code] of foreign) {
      const answer = await call(path, { method, headers: { ...auth, ...headers } });
      expect([answer.status, codeOf(answer)], JSON.stringify(headers)).toEqual([403, code]);
    }
  });

  it.each([...CALLS, ["GET", "/missing"], ["POST", "/"]] as const)("refuses %s %s without the token", async (method, path) => {
    for (const authorization of [undefined, "", "Bearer ", `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(0, -1)}`, TOKEN, `Basic ${TOKEN}`]) {
      const answer = await call(path, { method, headers: authorization === undefined ? {} : { authorization } });
      expect([answer.status, codeOf(answer)], String(authorization)).toEqual([401, "wrong_token"]);
    }
  });

  it.each(["127.0.0.1", "localhost", "[::1]"])("accepts %s as its name", async (name) => {
    const answer = await call("/api/info", { headers: { ...auth, host: `${name}:${port}`, origin: `http://${name}:${port}` } });
    expect(answer.status).toBe(200);
  });

  it("gives the page to a link on another page, and nothing else", async () => {
    const headers = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
    expect((await call("/", { headers })).status).toBe(200);
    expect((await call("/api/info", { headers: { ...headers, ...auth } })).status).toBe(403);
    expect((await call("/", { headers: { ...headers, "sec-fetch-dest": "iframe" } })).status).toBe(403);
  });

  it("forbids everything from elsewhere, in every response", async () => {
    for (const path of ["/", "/api/info", "/missing", "/console-01234567.js"]) {
      const { headers } = await call(path, { headers: auth });
      expect(headers["content-security-policy"]).toMatch(/^default-src 'none'; script-src 'self'; .*frame-ancestors 'none'$/);
      expect(headers["x-content-type-options"]).toBe("nosniff");
      expect(headers["access-control-allow-origin"]).toBeUndefined();
      expect(headers["cache-control"]).toBe(path.endsWith(".js") ? "public, max-age=31536000, immutable" : "no-store");
    }
  });

  it("needs a token of its own without one given, which is not in the page", async () => {
    const other = new AdminServer({ port: 0, files });
    await other.listen();
    const [, token = ""] = /#token=([\w-]{43})$/.exec(other.url) ?? [];
    expect(token).not.toBe("");
    expect(await (await fetch(new URL("/", other.url))).text()).not.toContain(token);
    await other.close();
  });
});

describe("calls", () => {
  it("answers reads with their parameters, and not members of objects", async () => {
    expect(JSON.parse((await call("/api/read/node/overview?q=a", { headers: auth })).body)).toEqual({ q: "a" });
    for (const path of ["/api/read/node/constructor", "/api/read/node/missing", "/api/read/other/overview"]) {
      expect((await call(path, { headers: auth })).status).toBe(404);
    }
  });

  it("does actions with a log, and explains failed ones", async () => {
    acted = [];
    const headers = { ...auth, "content-type": "application/json" };
    const done = await call("/api/act/node/revoke-key", { method: "POST", headers, body: '{"key":"k1"}' });
    expect(JSON.parse(done.body)).toEqual({ key: "k1" });
    expect(acted).toEqual([
      {
        source: "node",
        action: "revoke-key",
        by: expect.stringMatching(/^127\.0\.0\.1/) as string,
        about: { key: "k1" },
        error: undefined,
      },
    ]);
    const failed = await call("/api/act/node/fail", { method: "POST", headers, body: "{}" });
    expect([failed.status, JSON.parse(failed.body)]).toEqual([409, { error: "it can't be done", code: "action_failed" }]);
    const [second, first] = JSON.parse((await call("/api/events?filter=kind:acted", { headers: auth })).body) as unknown[];
    expect(first).toMatchObject({ kind: "acted", key: "k1", outcome: "revoke-key" });
    expect(second).toMatchObject({ kind: "acted", outcome: "fail", reason: "it can't be done" });
  });

  it("does no action unless actions are on", async () => {
    const reading = new AdminServer({ port: 0, token: TOKEN, files });
    reading.attach({ name: "node", title: "a node", reads: {}, actions: { "revoke-key": () => expect.unreachable() } });
    await reading.listen();
    const answer = await fetch(new URL("/api/act/node/revoke-key", reading.url), { method: "POST", headers: auth });
    expect([answer.status, await answer.json()]).toEqual([403, { error: expect.stringContaining("--admin-actions"), code: "actions_off" }]);
    const info = await (await fetch(new URL("/api/info", reading.url), { headers: auth })).json();
    expect(info).toMatchObject({ actions: false, sources: [{ actions: [] }] });
    await reading.close();
  });

  it("shows the threads and the problems of the journal, and bodies on demand", async () => {
    record({ kind: "accepted", id: "m1", type: "https://x.example/p/1.0/request", from: "did:web:a", to: ["did:web:b"], body: "{}" });
    record({ kind: "dead", id: "m1", from: "did:web:a", to: ["did:web:b"], code: "e.p.msg.unsupported" });
    record({ kind: "accepted", id: "m2", thread: "m1", from: "did:web:b", to: ["did:web:a"] });
    record({ kind: "accepted", id: "m3", from: "did:web:c", to: ["did:web:a"] });
    for (const id of ["m1", "m2"]) {
      const thread = JSON.parse((await call(`/api/thread?id=${id}`, { headers: auth })).body) as { id: string }[];
      expect(thread.map((entry) => entry.id)).toEqual(["m1", "m1", "m2"]);
    }
    const events = JSON.parse((await call("/api/events?filter=id:m1+kind:accepted", { headers: auth })).body) as { seq: number }[];
    const [accepted] = events;
    expect(accepted).not.toHaveProperty("body");
    expect(JSON.parse((await call(`/api/body?seq=${accepted?.seq}`, { headers: auth })).body)).toEqual({ body: "{}" });
    const problems = JSON.parse((await call("/api/problems", { headers: auth })).body);
    expect(problems).toContainEqual(
      expect.objectContaining({
        code: "e.p.msg.unsupported",
        count: 1,
        explanation: expect.objectContaining({ remedy: expect.any(String) }),
      }),
    );
  });

  it("explains a malformed filter", async () => {
    const { status, body } = await call("/api/events?filter=colour:red", { headers: auth });
    expect(status).toBe(400);
    expect(body).toContain('Unknown field \\"colour\\". Valid fields: ');
  });
});

describe("stream", () => {
  it("sends events that match, and never waits for a page that does not read", async () => {
    const controller = new AbortController();
    const response = await fetch(`http://127.0.0.1:${port}/api/stream?filter=type:flood`, { headers: auth, signal: controller.signal });
    const reader = response.body?.getReader();
    const started = performance.now();
    for (let count = 0; count < 60_000; count++) record({ kind: "accepted", id: `f${count}`, type: "flood" });
    // Recording is all that the server's own work waits for: about a microsecond an event, whatever the page does.
    expect(performance.now() - started).toBeLessThan(5000);
    let [text, missed, last] = ["", 0, ""];
    const decoder = new TextDecoder();
    while (last !== "f59999") {
      const part = await reader?.read();
      text += decoder.decode(part?.value, { stream: true });
      for (const [, data = ""] of text.matchAll(/event: events\ndata: (.*)\n\n/g)) {
        const page = JSON.parse(data) as { missed: number; events: { id: string }[] };
        missed = page.missed;
        last = page.events.at(-1)?.id ?? "";
      }
    }
    expect(missed).toBeGreaterThan(50_000);
    controller.abort();
  });

  it("counts what a page has missed that stops to read, and holds at most a fixed part of it", async () => {
    const slow = await openStream("kind:published");
    slow.pause();
    const watching = await openStream("kind:published");
    const rounds = 25;
    const perRound = 1000;
    const filler = "x".repeat(250);
    for (let round = 0; round < rounds; round++) {
      for (let count = 0; count < perRound; count++)
        record({ kind: "published", id: `${round} ${count}`, type: filler, thread: filler, reason: filler.repeat(4) });
      await watching.until((page) => page.events.at(-1)?.id === `${round} ${perRound - 1}`);
    }
    record({ kind: "published", id: "the last" });
    slow.resume();
    await slow.until((page) => page.events.at(-1)?.id === "the last");
    expect(slow.shown + slow.missed).toBe(rounds * perRound + 1);
    // A page that reads gets 400 events in each turn.
    expect(watching.shown).toBeGreaterThanOrEqual(rounds * 400);
    expect(slow.shown).toBeLessThan(watching.shown);
    for (const stream of [slow, watching]) stream.close();
  });
});

interface Page {
  readonly missed: number;
  readonly events: readonly { readonly id: string }[];
}

/** A page that follows events, and can stop reading. */
class OpenStream {
  shown = 0;
  missed = 0;
  readonly #response: IncomingMessage;
  #text = "";
  #last: Page = { missed: 0, events: [] };

  constructor(response: IncomingMessage) {
    this.#response = response;
    response.setEncoding("utf8").on("data", (part: string) => this.#read(part));
  }

  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  /** Resolves when what it has read last matches. */
  async until(matches: (page: Page) => boolean): Promise<void> {
    while (!matches(this.#last)) await once(this.#response, "data");
  }

  close(): void {
    this.#response.destroy();
  }

  #read(part: string): void {
    const blocks = (this.#text + part).split("\n\n");
    this.#text = blocks.pop() ?? "";
    for (const block of blocks) {
      const [, data] = /^event: events\ndata: (.*)$/.exec(block) ?? [];
      if (data === undefined) continue;
      this.#last = JSON.parse(data) as Page;
      this.shown += this.#last.events.length;
      this.missed += this.#last.missed;
    }
  }
}

async function openStream(filter: string): Promise<OpenStream> {
  const sent = request({ host: "127.0.0.1", port, path: `/api/stream?filter=${encodeURIComponent(filter)}`, headers: auth });
  sent.end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return new OpenStream(response);
}
