// An MCP server over standard input and output: encrypted channels for any MCP host. Needs SKYTALE_IDENTITY, SKYTALE_API_KEY and, for a
// server of your own, SKYTALE_RELAY and SKYTALE_API_URL; keys are stored in SKYTALE_DATA_DIR. Standard output carries
// only the protocol; logs go to standard error.
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { ParleyError } from "skytale";
import { Agent } from "./agent.ts";
import { describeConfig, readConfig } from "./config.ts";
import { createToolServer } from "./tools.ts";

const log = (line: string): void => console.error(`skytale: ${line}`);

try {
  const config = readConfig(process.env);
  log(describeConfig(config, process.env));
  const agent = await Agent.start(config, log);
  const server = createToolServer(agent);
  Object.assign(server.server, { onerror: (error: Error) => log(error.message), onclose: () => void stop() });

  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      await server.close();
      await agent[Symbol.asyncDispose]();
    })();
    return stopping;
  };
  process.stdin.once("end", () => void stop());
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stop());

  await server.connect(new StdioServerTransport());
} catch (error) {
  log(ParleyError.from(error).message);
  process.exitCode = 1;
}
