import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";

const PACKAGES = fileURLToPath(new URL("../..", import.meta.url));

let project: string;

/** A project with this package and its dependencies, but without the SDKs. */
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), "without-sdks-"));
  for (const name of ["core", "envelope-and-adapters"]) {
    const target = join(project, "node_modules", "@parley", name);
    await mkdir(target, { recursive: true });
    for (const part of ["package.json", "dist"]) await cp(join(PACKAGES, name, part), join(target, part), { recursive: true });
  }
});

afterAll(() => rm(project, { recursive: true }));

async function run(program: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], { cwd: project });
  return stdout;
}

it("every entry point can be imported without the SDKs, and works unless it needs one", async () => {
  const said = await run(`
    import { McpChannelTransport } from "@parley/envelope-and-adapters/mcp";
    import { A2aAdapter } from "@parley/envelope-and-adapters/a2a";
    import { SlimAdapter } from "@parley/envelope-and-adapters/slim";
    import { createMemoryChannels } from "@parley/envelope-and-adapters/memory";
    const [alice, bob] = createMemoryChannels(["alice", "bob"]);
    const ours = new A2aAdapter(alice, { agentId: "a" });
    const theirs = new A2aAdapter(bob, { agentId: "b" });
    await ours.createContext("c");
    await theirs.joinContext("c", new Uint8Array());
    await ours.sendMessage("c", [{ type: "text", text: "a2a" }]);
    const [{ parts }] = await theirs.receiveMessages("c");
    console.log(parts[0].content.value);
    const server = new McpChannelTransport(await bob.open("org/a2a/c"), { role: "server" });
    const request = server.read();
    const client = new McpChannelTransport(await alice.open("org/a2a/c"));
    await client.write({ jsonrpc: "2.0", method: "mcp", id: 1 });
    console.log((await request).method);
    const slim = new SlimAdapter(bob);
    await slim.subscribe("org/a2a/c");
    await new SlimAdapter(alice).publish("org/a2a/c", "slim");
    console.log(new TextDecoder().decode((await slim.receive("org/a2a/c"))[0]));
  `);
  expect(said).toBe("a2a\nmcp\nslim\n");
});

it("functions that need a missing SDK throw an error with the package to install", async () => {
  const said = await run(`
    import { A2aChannelTransportFactory, serveA2a } from "@parley/envelope-and-adapters/a2a";
    import { createMemoryPorts } from "@parley/envelope-and-adapters/memory";
    const [port] = createMemoryPorts(["alice"]);
    const tries = [() => serveA2a(port, { getAgentCard() {}, sendMessage() {} }), () => new A2aChannelTransportFactory(port).create("a2a-channel://x", {})];
    for (const attempt of tries) await attempt().catch(({ name, code, message }) => console.log(name, code, message));
  `);
  const line = "AdapterError sdk_missing runtime error: The official A2A SDK can't be loaded. Install it: npm install @a2a-js/sdk@^1.3.0\n";
  expect(said).toBe(line + line);
});
