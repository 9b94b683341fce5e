import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));

/** What a program says in a project that depends on `skytale` alone. */
async function run(program: string): Promise<string> {
  const project = await mkdtemp(join(tmpdir(), "skytale-subpaths-"));
  try {
    await mkdir(join(project, "node_modules"));
    await symlink(PACKAGE, join(project, "node_modules", "skytale"));
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], { cwd: project });
    return stdout;
  } finally {
    await rm(project, { recursive: true });
  }
}

it("adapters are reachable from skytale alone", async () => {
  const said = await run(`
    import { A2aAdapter, serveA2a } from "skytale/a2a";
    import { McpChannelServer, McpChannelTransport } from "skytale/mcp";
    import { SlimAdapter } from "skytale/slim";
    import { AdapterError, SkytaleChannelManager } from "skytale";
    const manager = new SkytaleChannelManager({ identity: "alice", endpoint: "http://127.0.0.1:9", dataDir: "unused" });
    const adapter = new A2aAdapter(manager, { agentId: "agent-1" });
    const transport = new McpChannelTransport(manager, "org/ns/mcp-rpc");
    console.log(adapter.agentCardExtension().params.channel, typeof transport.read, typeof serveA2a, typeof McpChannelServer);
    await adapter.sendMessage("x", [{ type: "text", text: "Hello" }]).catch((error) => console.log(error instanceof AdapterError, error.code));
    new SlimAdapter(manager);
    await manager.close();
  `);
  expect(said).toBe("org/a2a/{contextId} function function function\ntrue not_subscribed\n");
});
