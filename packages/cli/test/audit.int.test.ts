import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startNode, type Layr8Node } from "@parley/layr8-node";
import { Client } from "layr8";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OUTPUT_SCHEMAS } from "../src/schemas/index.ts";
import { type Ended, Workplace } from "./parley.ts";

const NOTE = "https://example.org/notes/1.0/note";

let place: Workplace;
let node: Layr8Node;
let env: Record<string, string>;
let alice: string;
let bob: string;

beforeAll(async () => {
  [place, node] = await Promise.all([Workplace.create(), startNode({ port: 0, logger: false, audit: true })]);
  [alice, bob] = ["alice", "bob"].map((name) => `did:web:localhost%3A${node.port}:${name}`) as [string, string];
  env = { LAYR8_NODE_URL: node.url, LAYR8_API_KEY: node.apiKey ?? "", LAYR8_AGENT_DID: alice };
  const config = { nodeUrl: node.url, apiKey: node.apiKey };
  const recipient = new Client({ ...config, agentDid: bob }, () => undefined);
  const handled = new Promise<void>((resolve) => {
    recipient.handle(NOTE, ({ body }) => {
      if (body["last"] === true) resolve();
    });
  });
  await recipient.connect();
  const sender = new Client({ ...config, agentDid: alice }, () => undefined);
  await sender.connect();
  for (let count = 1; count <= 5; count++) await sender.send({ type: NOTE, to: bob, body: { last: count === 5 } });
  await handled;
  await Promise.all([sender.close(), recipient.close()]);
}, 60_000);

afterAll(async () => {
  await Promise.all([place.remove(), node.close()]);
});

function run(...args: string[]): Promise<Ended> {
  return place.run(["audit", ...args, "--json"], { env });
}

/** The output of a command, which the published schema describes. */
function output(schema: string, { stdout }: Ended): Record<string, unknown> {
  const value = JSON.parse(stdout) as Record<string, unknown>;
  expect(OUTPUT_SCHEMAS[schema]?.safeParse(value)).toMatchObject({ success: true });
  return value;
}

describe("audit chains by command", { timeout: 120_000 }, () => {
  it("exports, keeps a head, and verifies both sides", async () => {
    const exported = await run("export", "alice.jsonl");
    expect(exported).toMatchObject({ code: 0, stderr: "" });
    const { size, mode } = await stat(join(place.path, "alice.jsonl"));
    expect(output("audit-export", exported)).toEqual({ did: alice, file: "alice.jsonl", bytes: size });
    expect(mode & 0o777).toBe(0o600);
    expect((await run("export", "bob.jsonl", "--as", bob, "--peer", alice)).code).toBe(0);
    const { head } = output("audit-head", await run("head"));
    const verified = await run("verify", "alice.jsonl", "bob.jsonl", "--head", String(head), "--resolve");
    expect(verified).toMatchObject({ code: 0, stderr: "" });
    expect(output("audit-report", verified)).toMatchObject({
      ok: true,
      matched: 5,
      sides: [
        { name: "alice.jsonl", agent: alice, isKeyKnown: true },
        { name: "bob.jsonl", agent: bob, isKeyKnown: true },
      ],
    });
    const { stdout: document } = await place.run(["did", "resolve", alice], { env });
    await writeFile(join(place.path, "alice.json"), document);
    const offline = await place.run(["audit", "verify", "alice.jsonl", "--did-document", "alice.json"]);
    expect(offline).toMatchObject({ code: 0, stderr: "" });
    expect(offline.stdout).toMatch(/^alice\.jsonl: did:web:\S+: 5 entries, 1 to 5, signed at \S+\nnothing was changed\n$/);
  });

  it("names what was changed and ends with code 1", async () => {
    const lines = (await readFile(join(place.path, "alice.jsonl"), "utf8")).split("\n");
    await writeFile(join(place.path, "dropped.jsonl"), lines.toSpliced(2, 1).join("\n"));
    const dropped = await run("verify", "dropped.jsonl", "bob.jsonl");
    expect(dropped.code).toBe(1);
    expect(dropped.stderr).toContain(`The key of ${alice} is known from its own export only`);
    expect(output("audit-report", dropped)).toMatchObject({
      ok: false,
      findings: [{ kind: "dropped", side: "dropped.jsonl", seq: 2 }],
    });
    const { stdout } = await place.run(["audit", "verify", "dropped.jsonl"]);
    expect(stdout).toContain("dropped\tdropped.jsonl entry 2\tentry 2 is missing\n1 findings\n");
  });

  it.each([
    [["export", "alice.jsonl"], 2, "usage", "cannot be created"],
    [["export", "x.jsonl", "--as", "did:web:localhost:nobody"], 3, "not_found", "no audit chain"],
    [["verify", "nothing.jsonl"], 2, "usage", "nothing.jsonl cannot be read"],
    [["verify", "alice.jsonl", "alice.jsonl"], 2, "usage", "both exports are of"],
    [["verify", "alice.jsonl", "--head", "x"], 2, "usage", "whose head is given, is missing"],
    [["verify", "alice.jsonl", "--did-document", "alice.jsonl"], 2, "usage", "alice.jsonl is not a DID document"],
  ])("%j fails with code %i", async (args, exit, code, message) => {
    const failed = await run(...args);
    expect(failed.code).toBe(exit);
    expect(JSON.parse(failed.stderr)).toMatchObject({ error: { code, message: expect.stringContaining(message) as unknown } });
  });
});
