import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, withSkytale } from "@parley/app-testing";
import { SkytaleChannelManager } from "skytale";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Host, main } from "./host.ts";

const CHANNEL = "acme/team/general";
const channel = CHANNEL;

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "mcp-tools-"));
});
afterEach(() => rm(directory, { recursive: true }));

type Environment = Readonly<Record<string, string>>;

async function within(check: (as: (identity: string) => Environment) => Promise<void>): Promise<void> {
  await withSkytale((servers) =>
    check((identity) => ({ ...servers, SKYTALE_IDENTITY: identity, SKYTALE_DATA_DIR: join(directory, identity) })),
  );
}

async function meet(alice: Host, bob: Host): Promise<void> {
  await alice.ask("skytale_create_channel", { channel });
  const { key_package_hex } = await bob.ask("skytale_key_package");
  const { welcome_hex } = await alice.ask("skytale_add_member", { channel, key_package_hex });
  await bob.ask("skytale_join_channel", { channel, welcome_hex });
}

describe("the tools", () => {
  it("are the seven of the Python server, with the same parameters, and two for invites", async () => {
    await within(async (as) => {
      await using host = await Host.start(as("alice"));
      const tools = await host.tools();
      const signatures = tools.map(({ name, inputSchema }) => {
        const required = inputSchema.required ?? [];
        return `${name}(${Object.keys(inputSchema.properties ?? {})
          .map((parameter) => (required.includes(parameter) ? parameter : `${parameter}?`))
          .join(", ")})`;
      });
      expect(signatures).toEqual([
        "skytale_create_channel(channel)",
        "skytale_key_package()",
        "skytale_add_member(channel, key_package_hex)",
        "skytale_join_channel(channel, welcome_hex)",
        "skytale_send(channel, message)",
        "skytale_receive(channel, timeout?)",
        "skytale_channels()",
        "skytale_invite(channel, max_uses?, ttl_seconds?)",
        "skytale_join_with_token(channel, token, timeout?)",
      ]);
      const receive = tools.find(({ name }) => name === "skytale_receive");
      expect(receive?.inputSchema.properties?.["timeout"]).toMatchObject({ default: 5, minimum: 0 });
      for (const { description } of tools) expect(description?.length).toBeGreaterThan(50);
    });
  });

  it("connect two hosts by key package and Welcome", async () => {
    await within(async (as) => {
      await using alice = await Host.start(as("alice"));
      await using bob = await Host.start(as("bob"));
      await meet(alice, bob);
      await alice.ask("skytale_send", { channel, message: "hello bob" });
      expect(await bob.ask("skytale_receive", { channel, timeout: 20 })).toEqual({
        messages: [{ sender: "alice", message: "hello bob" }],
        more: false,
      });
      const { sequence } = await bob.ask("skytale_send", { channel, message: "hello alice ✓" });
      expect(sequence).toBeGreaterThan(0);
      expect(await alice.ask("skytale_receive", { channel, timeout: 20 })).toMatchObject({
        messages: [{ sender: "bob", message: "hello alice ✓" }],
      });
      expect(await alice.ask("skytale_receive", { channel, timeout: 0 })).toEqual({ messages: [], more: false });
      expect(await bob.ask("skytale_channels")).toEqual({ identity: "bob", channels: [{ channel, members: 2 }] });
      expect([...alice.noise, ...bob.noise]).toEqual([]);
    });
  });

  it("report an existing channel and the remedy to a model that tries to create it again", async () => {
    await within(async (as) => {
      await using alice = await Host.start(as("alice"));
      await using bob = await Host.start(as("bob"));
      await alice.ask("skytale_create_channel", { channel });
      await alice.ask("skytale_create_channel", { channel });
      const { error: refusal } = (await bob.call("skytale_create_channel", { channel })) as { error: string };
      expect(refusal).toContain(`${channel} was created by another agent, and you are not a member`);
      expect(refusal).toMatch(/ask a member to call skytale_invite, and call skytale_join_with_token .*\(channel_exists\)$/);
      const { token } = await alice.ask("skytale_invite", { channel });
      await bob.ask("skytale_join_with_token", { channel, token });
      await bob.ask("skytale_send", { channel, message: "here too" });
      expect(await alice.ask("skytale_receive", { channel, timeout: 20 })).toMatchObject({
        messages: [{ sender: "bob", message: "here too" }],
      });
      const { SKYTALE_RELAY: relay = "?", SKYTALE_API_URL: api = "?" } = as("alice");
      expect(alice.log).toContain(`skytale: alice uses ${relay} and ${api}; keys are in ${join(directory, "alice")}\n`);
    });
  });

  it("add other agents by a token", async () => {
    await within(async (as) => {
      await using alice = await Host.start(as("alice"));
      await using bob = await Host.start(as("bob"));
      await alice.ask("skytale_create_channel", { channel });
      const { token } = await alice.ask("skytale_invite", { channel });
      expect(await bob.ask("skytale_join_with_token", { channel, token })).toEqual({ channel });
      await bob.ask("skytale_send", { channel, message: "I am in" });
      expect(await alice.ask("skytale_receive", { channel, timeout: 20 })).toMatchObject({ messages: [{ message: "I am in" }] });
    });
  });

  it("continue after a restart, even after kill -9, with the messages sent in between", async () => {
    await within(async (as) => {
      await using alice = await Host.start(as("alice"));
      {
        await using bob = await Host.start(as("bob"));
        await meet(alice, bob);
        await bob.signal("SIGKILL");
      }
      await alice.ask("skytale_send", { channel, message: "while you were away" });
      await using bob = await Host.start(as("bob"));
      expect(await bob.ask("skytale_channels")).toEqual({ identity: "bob", channels: [{ channel, members: 2 }] });
      expect(await bob.ask("skytale_receive", { channel, timeout: 20 })).toMatchObject({ messages: [{ message: "while you were away" }] });
    });
  });

  it("limit the size of a result, and return the rest with the next call", async () => {
    await within(async (as) => {
      await using alice = await Host.start(as("alice"));
      await using bob = await Host.start(as("bob"));
      await meet(alice, bob);
      const long = "x".repeat(60_000);
      for (const name of ["a", "b", "c"]) await alice.ask("skytale_send", { channel, message: name + long });
      const seen: unknown[] = [];
      await expect
        .poll(async () => {
          const { messages } = await bob.ask("skytale_receive", { channel, timeout: 5 });
          expect((messages as unknown[]).length).toBeLessThanOrEqual(1);
          seen.push(...(messages as unknown[]));
          return seen.length;
        })
        .toBe(3);
      expect(seen).toEqual(["a", "b", "c"].map((name) => ({ sender: "alice", message: name + long })));
    });
  });

  it("interoperate with agents that use the library", async () => {
    await withSkytale(async (servers) => {
      const { SKYTALE_RELAY: endpoint, SKYTALE_API_URL: apiUrl, SKYTALE_API_KEY: apiKey } = servers;
      await using carol = new SkytaleChannelManager({ identity: "carol", endpoint, apiUrl, apiKey, dataDir: join(directory, "carol") });
      await using host = await Host.start({ ...servers, SKYTALE_IDENTITY: "alice", SKYTALE_DATA_DIR: join(directory, "alice") });
      await carol.create(CHANNEL);
      await host.ask("skytale_join_with_token", { channel, token: await carol.invite(CHANNEL) });
      await host.ask("skytale_send", { channel, message: "hello carol" });
      expect(await carol.receive(CHANNEL, { timeout: 20 })).toEqual(["hello carol"]);
    });
  });
});

describe("invalid arguments from a model", () => {
  const HOSTILE: readonly [what: string, tool: string, args: Record<string, unknown>, error: string][] = [
    [
      "an invalid name",
      "skytale_create_channel",
      { channel: "bad-name" },
      "invalid channel name: bad-name (expected org/namespace/service)",
    ],
    ["an empty name", "skytale_create_channel", { channel: "" }, "Input validation error"],
    ["a huge name", "skytale_create_channel", { channel: `a/b/${"c".repeat(100_000)}` }, "Input validation error"],
    ["a name that is a path", "skytale_create_channel", { channel: "../../etc/passwd" }, "invalid channel name"],
    ["no arguments", "skytale_create_channel", {}, "Input validation error"],
    ["hex with other letters", "skytale_add_member", { channel, key_package_hex: "xyz!" }, "hex digits"],
    ["half a byte", "skytale_add_member", { channel, key_package_hex: "abc" }, "even number of hex digits"],
    ["no hex at all", "skytale_add_member", { channel, key_package_hex: "" }, "Input validation error"],
    ["hex without end", "skytale_add_member", { channel, key_package_hex: "ab".repeat(1_000_000) }, "Input validation error"],
    ["hex of nonsense", "skytale_add_member", { channel, key_package_hex: "deadbeef" }, "MLS engine error: "],
    ["a welcome of nonsense", "skytale_join_channel", { channel: "acme/team/other", welcome_hex: "deadbeef" }, "MLS engine error: "],
    ["a welcome of zeros", "skytale_join_channel", { channel: "acme/team/other", welcome_hex: "00".repeat(400) }, "MLS engine error: "],
    ["an unknown channel, to send", "skytale_send", { channel: "acme/team/none", message: "hello" }, "(not_found)"],
    ["an unknown channel, to receive", "skytale_receive", { channel: "acme/team/none" }, "(not_found)"],
    ["an unknown channel, to invite", "skytale_invite", { channel: "acme/team/none" }, "(not_found)"],
    ["an empty message", "skytale_send", { channel, message: "" }, "Input validation error"],
    ["a message of another type", "skytale_send", { channel, message: { text: "hello" } }, "Input validation error"],
    ["a huge message", "skytale_send", { channel, message: "x".repeat(1_000_001) }, "Input validation error"],
    ["a message that is huge in bytes", "skytale_send", { channel, message: "€".repeat(900_000) }, "(bad_request)"],
    ["a negative timeout", "skytale_receive", { channel, timeout: -1 }, "Input validation error"],
    ["a timeout that never ends", "skytale_receive", { channel, timeout: 1e9 }, "Input validation error"],
    ["a timeout as text", "skytale_receive", { channel, timeout: "soon" }, "Input validation error"],
    ["a token of nonsense", "skytale_join_with_token", { channel: "acme/team/other", token: "please" }, "(invite_malformed)"],
    ["uses without end", "skytale_invite", { channel, max_uses: 1e9 }, "Input validation error"],
    ["a tool that isn't there", "skytale_destroy", {}, "skytale_destroy"],
  ];

  it("are returned as an error of the tool, without ending the server", async () => {
    await within(async (as) => {
      await using host = await Host.start(as("alice"));
      await host.ask("skytale_create_channel", { channel });
      for (const [what, tool, args, error] of HOSTILE) {
        expect(await host.call(tool, args), what).toEqual({ error: expect.stringContaining(error) });
      }
      expect(await host.ask("skytale_channels")).toMatchObject({ channels: [{ channel, members: 1 }] });
      expect(host.noise).toEqual([]);
    });
  });
});

describe("the server", () => {
  it("names missing variables, and writes nothing to standard output", async () => {
    await using app = new App(main, [], { SKYTALE_IDENTITY: "" });
    expect(await app.exit()).toBe(1);
    expect(app.lines).toEqual(["skytale: SKYTALE_IDENTITY is missing: set it to the name of this agent for other agents"]);
  });

  it("starts without a relay, and reports that when a tool needs one", async () => {
    const env = { SKYTALE_IDENTITY: "alice", SKYTALE_DATA_DIR: join(directory, "alice") };
    await using host = await Host.start({
      ...env,
      SKYTALE_RELAY: "http://127.0.0.1:1",
      SKYTALE_API_URL: "http://127.0.0.1:1",
      SKYTALE_API_KEY: "sk_live_x",
    });
    expect(await host.ask("skytale_channels")).toEqual({ identity: "alice", channels: [] });
    expect(await host.call("skytale_create_channel", { channel })).toEqual({
      error: expect.stringContaining("(connection_error; may work later)"),
    });
    expect(host.log).not.toContain("sk_live_x");
  });

  it("rejects a directory that another server uses", async () => {
    await within(async (as) => {
      await using first = await Host.start(as("alice"));
      await first.ask("skytale_create_channel", { channel });
      await using second = await Host.start(as("alice"));
      expect(await second.call("skytale_receive", { channel, timeout: 0 })).toEqual({
        error: expect.stringContaining("(data_dir_locked; may work later)"),
      });
    });
  });

  it("exits at the end of its input, and on SIGTERM", async () => {
    await within(async (as) => {
      await using app = new App(main, [], as("alice"));
      app.endInput();
      expect(await app.exit()).toBe(0);
      expect(app.lines).toEqual([expect.stringMatching(/^skytale: alice uses /)]);
      await using other = new App(main, [], as("bob"));
      other.type('{"jsonrpc":"2.0","id":1,"method":"ping"}');
      await other.said('"result":{}');
      other.kill("SIGTERM");
      expect(await other.exit()).toBe(0);
    });
  });
});
