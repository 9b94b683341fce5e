import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { startServer } from "./fixture.ts";

const SCRIPT = fileURLToPath(new URL("fixtures/leaves-nothing-behind.mjs", import.meta.url));

describe("a process exits", () => {
  // Without close() the socket may still be closing; the test checks that the process exits.
  it.each([
    ["closed", /^\[\]$/u],
    ["closed with a send pending", /^\[\]$/u],
    ["closed while reconnecting", /^\[\]$/u],
    ["closed on a node that went silent", /^\[\]$/u],
    ["refused", /^\[.*\]$/u],
    ["aborted", /^\[.*\]$/u],
  ])("%s", async (scenario, holding) => {
    const server = await startServer();
    server.behaviour = (frame, client) => {
      const [, , topic, event, payload] = frame;
      if (topic.endsWith(":ignored") || payload["stall"] === true) return "ignore";
      if (topic.endsWith(":refused") && event === "phx_join") return client.reply(frame, "error", { reason: "unauthorized" });
      if (payload["drop"] === true) return client.drop();
      if (payload["blackHole"] === true) return client.blackHole();
      return "default";
    };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [SCRIPT, server.url, scenario], { timeout: 60_000 });
    expect(stderr).toBe("");
    expect(stdout).toMatch(holding);
  });
});
