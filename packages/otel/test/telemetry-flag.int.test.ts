import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { temporaryDirectory } from "@parley/test-assertions";
import { Client } from "layr8";
import { describe, expect, it, onTestFinished } from "vitest";

const BIN = fileURLToPath(new URL("../../layr8-node/bin/layr8-node.js", import.meta.url));

/** A module beside this package's sources, so that it finds the packages that it imports. Writes the name of each span to a file. */
const moduleOf = (file: string): string => `
  import { appendFileSync } from "node:fs";
  import { BasicTracerProvider, SimpleSpanProcessor } from ${JSON.stringify(import.meta.resolve("@opentelemetry/sdk-trace-base"))};
  import { otel } from ${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)};
  const exporter = {
    export(spans, done) {
      for (const { name } of spans) appendFileSync(${JSON.stringify(file)}, name + "\\n");
      done({ code: 0 });
    },
    shutdown: async () => {},
  };
  export default otel({ tracerProvider: new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }) });
`;

describe("layr8-node --telemetry", () => {
  it("passes spans to the module", async () => {
    const { path, remove } = await temporaryDirectory();
    onTestFinished(remove);
    const [module, file] = [join(path, "telemetry.mjs"), join(path, "spans")];
    await writeFile(module, moduleOf(file));
    const child = spawn(process.execPath, [BIN, "--port", "0", "--log", "silent", "--telemetry", module], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const closed = once(child, "close");
    onTestFinished(async () => {
      child.kill("SIGTERM");
      await closed;
    });
    const variables: Record<string, string> = {};
    for await (const line of createInterface({ input: child.stdout })) {
      const [name = "", value = ""] = line.split(/=(.*)/s);
      variables[name] = value;
      if (Object.keys(variables).length === 2) break;
    }
    const { LAYR8_NODE_URL: nodeUrl = "", LAYR8_API_KEY: apiKey = "" } = variables;
    await using client = new Client({ nodeUrl, apiKey }, () => {});
    const type = "https://layr8.io/protocols/note/1.0/note";
    client.handle(type, () => undefined);
    await client.connect();
    await client.send({ type, to: client.did });
    await expect.poll(() => readFile(file, "utf8").catch(() => "")).toBe("accept\ndeliver\nsettle\n");
  });

  it.each([
    ["export default {};", /its default export must be a Telemetry, such as otel\(\) of @parley\/otel/],
    ["export const telemetry = 1;", /its default export must be a Telemetry/],
    ['import "not-installed";', /--telemetry .*telemetry\.mjs: Cannot find package 'not-installed'/],
    ["this is not JavaScript", /--telemetry .*telemetry\.mjs: /],
  ])("rejects the module %j", async (text, message) => {
    const { path, remove } = await temporaryDirectory();
    onTestFinished(remove);
    const module = join(path, "telemetry.mjs");
    await writeFile(module, text);
    const child = spawn(process.execPath, [BIN, "--port", "0", "--telemetry", module], { stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const [code] = (await once(child, "close")) as [number | null];
    expect([code, stderr]).toEqual([1, expect.stringMatching(message)]);
  });
});
