import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OUTPUT_SCHEMAS } from "../src/schemas/index.ts";
import { Workplace } from "./parley.ts";

const CHANNEL = "acme/team/general";

let place: Workplace;

beforeAll(async () => {
  place = await Workplace.create();
  await place.dev("--no-env");
}, 60_000);

afterAll(() => place.remove());

/** Parses the lines of an output, and checks each with the published schema. */
function read(stdout: string, schema: string): readonly Record<string, unknown>[] {
  return stdout
    .trim()
    .split("\n")
    .map((line) => {
      const value = JSON.parse(line) as Record<string, unknown>;
      expect(OUTPUT_SCHEMAS[schema]?.safeParse(value)).toMatchObject({ success: true });
      return value;
    });
}

/** A URL at which nothing listens. */
async function unusedUrl(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${port}`;
}

const as = (identity: string, ...args: readonly string[]): readonly string[] => ["channels", ...args, "--identity", identity, "--json"];

describe("channels by command", { timeout: 240_000 }, () => {
  it("creates, invites, joins, sends, listens, lists and leaves", async () => {
    const created = await place.run(as("alice", "create", CHANNEL));
    expect(read(created.stdout, "channel")).toEqual([{ channel: CHANNEL, identity: "alice" }]);

    const invite = place.start(as("alice", "invite", CHANNEL));
    await invite.saw("Waiting for the agents that join");
    const [{ token = "" } = {}] = read(invite.stdout(), "invite") as readonly { readonly token?: string }[];
    const joined = await place.run([...as("bob", "join", CHANNEL), "-"], { input: `${token}\n` });
    expect(read(joined.stdout, "channel")).toEqual([{ channel: CHANNEL, identity: "bob" }]);
    expect(await invite.ended).toMatchObject({ code: 0, stderr: expect.stringContaining("bob joins.") as string });

    const listener = place.start(as("bob", "listen", CHANNEL, "--count", "2"));
    await listener.saw("Listening on");
    const sent = await place.run([...as("alice", "send", CHANNEL), "first"]);
    await place.run([...as("alice", "send", CHANNEL), "-"], { input: "second" });
    const { code, stdout } = await listener.ended;
    expect(code).toBe(0);
    const messages = read(stdout, "channel-message");
    expect(messages.map(({ sender, text }) => `${String(sender)}: ${String(text)}`)).toEqual(["alice: first", "alice: second"]);
    expect(read(sent.stdout, "channel-sent")).toEqual([{ channel: CHANNEL, sequence: messages[0]?.["sequence"] }]);

    const lists = await Promise.all(["alice", "bob"].map((identity) => place.run(as(identity, "members", CHANNEL))));
    const [ofAlice, ofBob] = lists.map((list) => read(list.stdout, "channel-members")[0]);
    expect(ofAlice?.["members"]).toMatchObject([{ name: "alice" }, { name: "bob" }]);
    expect(ofAlice?.["safetyNumber"]).toBe(ofBob?.["safetyNumber"]);

    expect(read((await place.run(["channels", "list", "--json"])).stdout, "channels")).toEqual([{ channels: [{ name: CHANNEL }] }]);
    // The relay stores ciphertext, which starts with the epoch that the members agree on.
    const tail = await place.run(["channels", "tail", CHANNEL, "--count", "3", "--json"]);
    const entries = read(tail.stdout, "log-entry");
    expect(entries.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    for (const { payload } of entries) expect(Buffer.from(String(payload), "base64url").toString("latin1")).not.toMatch(/first|second/);

    const member = place.start(as("alice", "listen", CHANNEL));
    await member.saw("Listening on");
    expect((await place.run(as("bob", "leave", CHANNEL))).code).toBe(0);
    member.child.kill("SIGINT");
    expect((await member.ended).code).toBe(130);
    expect(await place.run([...as("bob", "send", CHANNEL), "after"])).toMatchObject({ code: 3, stdout: "" });
  });

  it("exports the audit chains of two members, which verify and match", async () => {
    const [channel, env] = ["acme/team/audited", { SKYTALE_AUDIT: "1" }];
    await place.run(as("alice", "create", channel), { env });
    const invite = place.start(as("alice", "invite", channel), { env });
    await invite.saw("Waiting for the agents that join");
    const [{ token = "" } = {}] = read(invite.stdout(), "invite") as readonly { readonly token?: string }[];
    await place.run([...as("bob", "join", channel), "-", "--audit"], { input: `${token}\n` });
    await invite.ended;
    const none = await place.run([...as("bob", "audit", channel), "none.jsonl"]);
    expect([none.code, none.stderr]).toEqual([3, expect.stringContaining('"audit_off"') as string]);
    await place.run([...as("alice", "send", channel), "one", "--audit"]);
    await place.run([...as("bob", "listen", channel, "--count", "1"), "--audit"]);
    await place.run([...as("bob", "send", channel), "two", "--audit"]);
    await place.run([...as("alice", "listen", channel, "--count", "1"), "--audit"]);
    for (const name of ["alice", "bob"]) {
      const exported = await place.run([...as(name, "audit", channel), `${name}.jsonl`]);
      expect(read(exported.stdout, "channel-audit")).toMatchObject([{ channel, identity: name, file: `${name}.jsonl` }]);
    }
    const verified = await place.run(["audit", "verify", "alice.jsonl", "bob.jsonl", "--json"]);
    const [report] = read(verified.stdout, "audit-report");
    expect(report).toMatchObject({
      ok: true,
      findings: [],
      matched: 2,
      sides: [
        { channel, isKeyKnown: true },
        { channel, isKeyKnown: true },
      ],
    });
    expect([verified.code, verified.stderr]).toEqual([0, ""]);
    for (const [option = "", ...value] of [["--resolve"], ["--clock-skew", "1s"]]) {
      // oxlint-disable-next-line no-await-in-loop
      const { code, stderr } = await place.run(["audit", "verify", "alice.jsonl", "bob.jsonl", option, ...value]);
      expect([code, stderr]).toEqual([2, expect.stringContaining(`${option} has no effect: `) as string]);
    }
    expect((await place.run([...as("alice", "audit", channel), "alice.jsonl"])).code).toBe(2);
  });

  it("ends with the exit code of the kind of failure", async () => {
    const failure = async (...args: readonly string[]): Promise<object> => {
      const { code, stderr } = await place.run(args);
      return { code, error: (JSON.parse(stderr.trim().split("\n").at(-1) ?? "") as { error: { code: string } }).error.code };
    };
    expect(await failure(...as("carol", "create", "no-name"))).toEqual({ code: 2, error: "bad_request" });
    expect(await failure(...as("carol", "members", "acme/team/unknown"))).toEqual({ code: 3, error: "not_found" });
    // A token on the command line is rejected, and not repeated.
    const { code, stderr } = await place.run([...as("carol", "join", CHANNEL), "skt_inv_secret"]);
    expect(code).toBe(2);
    expect(stderr).not.toContain("skt_inv_secret");
    expect(await failure(...as("carol", "join", CHANNEL, "--timeout", "5s"))).toEqual({ code: 2, error: "usage" });
    expect(await failure(...as("../x", "create", "acme/team/other"))).toEqual({ code: 2, error: "usage" });
    const url = await unusedUrl();
    const elsewhere = { SKYTALE_API_URL: url, SKYTALE_RELAY: url, SKYTALE_API_KEY: "sk_live_x" };
    const unreachable = await place.run(["channels", "list", "--json"], { env: elsewhere });
    expect(unreachable.code).toBe(5);
  });

  it("ends with exit code 4 if a server accepts connections and does not answer", async () => {
    const silent = createServer((socket) => socket.on("error", () => undefined).resume()).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const env = { SKYTALE_API_URL: url, SKYTALE_RELAY: url, SKYTALE_API_KEY: "sk_live_x" };
    const { code, stdout, stderr } = await place.run(["channels", "list", "--timeout", "300ms", "--json"], { env });
    silent.close();
    await once(silent, "close");
    expect([code, stdout]).toEqual([4, ""]);
    expect(JSON.parse(stderr.trim().split("\n").at(-1) ?? "")).toMatchObject({ error: { code: "timeout", exit: 4 } });
  });
});
