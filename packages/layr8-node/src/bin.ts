import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { pino } from "pino";
import { startNode } from "./node.ts";
import type { NodeOptions } from "./options.ts";

const USAGE = `layr8-node [options]

  --port <n>         port to listen on, 0 for a free one (default 4000)
  --host <address>   address to bind (default 127.0.0.1: this machine only)
  --data-dir <path>  where inboxes, DIDs and keys are kept; without it everything is lost when the node stops
  --domain <domain>  domain of the DIDs that the node assigns (default localhost%3A<port>)
  --public-url <url> origin under which other machines reach the node
  --config <file>    JSON with any of: port, host, dataDir, domain, publicUrl, apiKeys, policies, limits
  --log <level>      fatal, error, warn, info, debug or silent (default info)
  --help             this text

Environment: LAYR8_NODE_API_KEY   an API key that may bind any DID (besides those of --config)
`;

interface Arguments {
  readonly options: NodeOptions;
  readonly level: string;
}

async function readArguments(): Promise<Arguments | undefined> {
  const { values } = parseArgs({
    options: {
      port: { type: "string" },
      host: { type: "string" },
      "data-dir": { type: "string" },
      domain: { type: "string" },
      "public-url": { type: "string" },
      config: { type: "string" },
      log: { type: "string", default: "info" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const config = values.config === undefined ? {} : (JSON.parse(await readFile(values.config, "utf8")) as NodeOptions);
  const port = values.port === undefined ? undefined : Number(values.port);
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535))
    throw new TypeError(`--port ${values.port} is no port`);
  const key = process.env["LAYR8_NODE_API_KEY"];
  const apiKeys = [...(config.apiKeys ?? []), ...(key ? [{ key, dids: "any" as const, name: "LAYR8_NODE_API_KEY" }] : [])];
  const options: NodeOptions = {
    ...config,
    apiKeys,
    ...(port !== undefined && { port }),
    ...(values.host !== undefined && { host: values.host }),
    ...(values["data-dir"] !== undefined && { dataDir: values["data-dir"] }),
    ...(values.domain !== undefined && { domain: values.domain }),
    ...(values["public-url"] !== undefined && { publicUrl: values["public-url"] }),
  };
  return { options, level: values.log };
}

async function main(): Promise<void> {
  const read = await readArguments();
  if (read === undefined) {
    console.log(USAGE);
    return;
  }
  const logger = pino({ name: "layr8-node", level: read.level });
  const node = await startNode({ ...read.options, logger });
  console.log(`LAYR8_NODE_URL=${node.url}`);
  // Shown once, on purpose: it is nowhere else.
  if (node.apiKey !== undefined) console.log(`LAYR8_API_KEY=${node.apiKey}`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void node.close());
}

main().catch((error: unknown) => {
  console.error(`layr8-node: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
