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
    expect(stdout).toContain("dropped\tdropped.jsonl entry 2\tentry 2 is missing\n1 finding\n");
  });

  it("exports to standard output", async () => {
    const { stdout, code, stderr } = await place.run(["audit", "export", "-"], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    // Each call signs the head again.
    const entries = (text: string): readonly string[] => text.split("\n").slice(0, -2);
    expect(entries(stdout)).toEqual(entries(await readFile(join(place.path, "alice.jsonl"), "utf8")));
    expect(stdout).toMatch(/\n\{"head":"[^"]+"\}\n$/);
    await expect(stat(join(place.path, "-"))).rejects.toThrow("ENOENT");
  });

  it("says which entries are hidden, and does not call messages unchanged that are", async () => {
    const carol = "did:web:c.example:carol";
    for (const [name, did] of [
      ["alice-for-carol.jsonl", alice],
      ["bob-for-carol.jsonl", bob],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop
      expect((await run("export", name, "--as", did, "--peer", carol)).code).toBe(0);
    }
    const one = await place.run(["audit", "verify", "alice-for-carol.jsonl"]);
    expect(one.code).toBe(0);
    expect(one.stdout).toContain(`: 5 entries, 1 to 5, 5 hidden (exported for ${carol}), signed at `);
    const both = await run("verify", "alice-for-carol.jsonl", "bob-for-carol.jsonl");
    expect(both.code).toBe(1);
    expect(output("audit-report", both)).toMatchObject({
      ok: false,
      matched: 0,
      sides: [
        { hidden: 5, peer: carol },
        { hidden: 15, peer: carol },
      ],
      findings: [
        { kind: "hidden", side: "alice-for-carol.jsonl", detail: `the export is for ${carol}: its messages with ${bob} are hidden` },
        { kind: "hidden", side: "bob-for-carol.jsonl", detail: `the export is for ${carol}: its messages with ${alice} are hidden` },
      ],
    });
    const { code, stdout } = await place.run(["audit", "verify", "alice-for-carol.jsonl", "bob.jsonl"]);
    expect(code).toBe(1);
    expect(stdout).toContain("\nundecided: 5 messages of one side, which may be hidden in the other export\n");
    expect(stdout).not.toContain("does not cover");
  });

  it("names the messages that may be hidden if nothing else is found", async () => {
    const hidden = (await readFile(join(place.path, "bob-for-carol.jsonl"), "utf8")).split("\n");
    const lines = (await readFile(join(place.path, "bob.jsonl"), "utf8")).split("\n");
    const id = (JSON.parse(lines[1] ?? "") as { id: string }).id;
    const first = lines.map((line, at) => (line.includes(`"id":"${id}"`) ? (hidden[at] ?? "") : line));
    await writeFile(join(place.path, "first.jsonl"), first.join("\n"));
    const { code, stdout } = await place.run(["audit", "verify", "alice.jsonl", "first.jsonl"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/, 3 hidden \(exported for did:web:\S+:alice\), signed at /);
    expect(stdout).toMatch(
      /\nboth sides have 4 messages\nundecided: 1 message of one side, which may be hidden in the other export\nnothing was found in the entries that are not hidden\n$/,
    );
  });

  it("reports a signature by another party, with the document of this one", async () => {
    const lines = (await readFile(join(place.path, "alice.jsonl"), "utf8")).trimEnd().split("\n");
    const bobs = (await readFile(join(place.path, "bob.jsonl"), "utf8")).trimEnd().split("\n");
    await writeFile(join(place.path, "head-of-bob.jsonl"), [...lines.slice(0, -1), bobs.at(-1)].join("\n"));
    await writeFile(join(place.path, "no-head.jsonl"), lines.slice(0, -1).join("\n"));
    const replaced = await run("verify", "head-of-bob.jsonl", "--did-document", "alice.json");
    expect(replaced).toMatchObject({ code: 1, stderr: "" });
    expect(output("audit-report", replaced)).toMatchObject({ findings: [{ kind: "signature", side: "head-of-bob.jsonl" }] });
    const unsigned = await run("verify", "no-head.jsonl", "--did-document", "alice.json");
    expect(unsigned).toMatchObject({ code: 1, stderr: "" });
    expect(output("audit-report", unsigned)).toMatchObject({ sides: [{ isKeyKnown: true }], findings: [{ kind: "unsigned" }] });
    await writeFile(join(place.path, "no-header.jsonl"), ["{}", ...lines.slice(1)].join("\n"));
    const { code, stdout } = await place.run(["audit", "verify", "no-header.jsonl"]);
    expect(code).toBe(1);
    expect(stdout).toContain("no-header.jsonl: party not known, since the first line can't be read: 5 entries");
  });

  it("needs the key of an agent that can be reached", async () => {
    const lines = (await readFile(join(place.path, "alice.jsonl"), "utf8")).replaceAll(alice, "did:web:localhost%3A1:alice");
    await writeFile(join(place.path, "elsewhere.jsonl"), lines);
    const { code, stdout } = await place.run(["audit", "verify", "elsewhere.jsonl"]);
    expect({ code, findings: stdout.split("\n").at(-2) }).toEqual({ code: 1, findings: "6 findings" });
  });

  it.each([
    [["export", "alice.jsonl"], 2, "usage", "cannot be created"],
    [["export", "x.jsonl", "--as", "did:web:localhost:nobody"], 3, "not_found", "no audit chain"],
    [["verify", "nothing.jsonl"], 2, "usage", "nothing.jsonl cannot be read"],
    [["verify", "alice.jsonl", "alice.jsonl"], 2, "usage", "both exports are of"],
    [["verify", "alice.jsonl", "--head", "x"], 2, "usage", "the value of --head is not the signed head"],
    [["verify", "alice.jsonl", "--head", "@alice.json"], 2, "usage", "alice.json does not have the signed head"],
    [["verify", "alice.json"], 2, "usage", "alice.json is not an export of an audit chain"],
    [["verify", "bob.jsonl", "--did-document", "alice.json"], 2, "usage", "whose DID document is given, is missing"],
    [["verify", "elsewhere.jsonl", "--resolve"], 5, "fetch_failed", "The key of did:web:localhost%3A1:alice is not known"],
    [["export", "x.jsonl", "--as", "foo"], 2, "usage", "--as is not a DID: foo"],
    [["export", "x.jsonl", "--peer", "did:web:A.example"], 2, "usage", "--peer is not in its canonical spelling: did:web:A.example"],
    [["head", "--as", "foo"], 2, "usage", "--as is not a DID: foo"],
    [["verify", "alice.jsonl", "--did-document", "alice.jsonl"], 2, "usage", "alice.jsonl is not a DID document"],
    [["verify", "alice.jsonl", "--did-document", "alice.json", "--did-document", "alice.json"], 2, "usage", "there are two documents of"],
    [["verify", "alice.jsonl", "--clock-skew", "5s"], 2, "usage", "--clock-skew has no effect: there is one export"],
    [["verify", "alice.jsonl", "--timeout", "5s"], 2, "usage", "--timeout has no effect: nothing is fetched without --resolve"],
    [["verify", "alice.jsonl", "--context", "none"], 2, "usage", "--context has no effect: nothing is fetched without --resolve"],
    [["verify", "alice.jsonl", "--did-document", "alice.json", "--resolve"], 2, "usage", "--resolve has no effect: all keys are known"],
    [["verify", "elsewhere.jsonl", "--resolve", "--context", "none"], 5, "fetch_failed", "The key of did:web:localhost%3A1:alice"],
  ])("%j fails with code %i", async (args, exit, code, message) => {
    const failed = await run(...args);
    expect(failed.code).toBe(exit);
    expect(JSON.parse(failed.stderr)).toMatchObject({ error: { code, message: expect.stringContaining(message) as unknown } });
  });
});
