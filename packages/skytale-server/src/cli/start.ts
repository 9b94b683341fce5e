import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { isJsonObject } from "@parley/core";
import { rejectUnknownOptions } from "@parley/core/internal";
import { pino } from "pino";
import type { SkytaleOptions } from "../options.ts";
import { startSkytale } from "../server.ts";

const LEVELS = ["fatal", "error", "warn", "info", "debug", "silent"];
const CONFIG_MEMBERS: readonly (keyof SkytaleOptions)[] = [
  "port",
  "relayPort",
  "host",
  "dataDir",
  "signup",
  "trustProxy",
  "tls",
  "retention",
  "limits",
];

/** Runs a server until SIGINT or SIGTERM. Prints what agents need: its URLs, and its API key where it had to make one. */
export async function start(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: "string" },
      "relay-port": { type: "string" },
      host: { type: "string" },
      "data-dir": { type: "string" },
      signup: { type: "string" },
      "tls-cert": { type: "string" },
      "tls-key": { type: "string" },
      config: { type: "string" },
      log: { type: "string", default: "info" },
    },
  });
  if (!LEVELS.includes(values.log)) throw new TypeError(`--log must be one of ${LEVELS.join(", ")}`);
  const options: SkytaleOptions = {
    ...(values.config !== undefined && (await readConfig(values.config))),
    ...(values.port !== undefined && { port: readPort("--port", values.port) }),
    ...(values["relay-port"] !== undefined && { relayPort: readPort("--relay-port", values["relay-port"]) }),
    ...(values.host !== undefined && { host: values.host }),
    ...(values["data-dir"] !== undefined && { dataDir: values["data-dir"] }),
    ...(values.signup !== undefined && { signup: readSignup(values.signup) }),
    ...readTls(values["tls-cert"], values["tls-key"]),
  };
  const server = await startSkytale({ ...options, logger: pino({ name: "skytale-server", level: values.log }, pino.destination(2)) });
  console.log(`SKYTALE_API_URL=${server.apiUrl}`);
  console.log(`SKYTALE_RELAY=${server.relayUrl}`);
  // Shown on purpose: it is nowhere else.
  if (server.apiKey !== undefined) console.log(`SKYTALE_API_KEY=${server.apiKey}`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void server.close());
}

function readPort(option: string, text: string): number {
  const port = Number(text);
  if (text.trim() === "" || !Number.isInteger(port) || port < 0 || port > 65_535) throw new TypeError(`${option} ${text} is not a port`);
  return port;
}

function readSignup(text: string): "open" | "closed" {
  if (text !== "open" && text !== "closed") throw new TypeError("--signup must be open or closed");
  return text;
}

function readTls(certFile: string | undefined, keyFile: string | undefined): Pick<SkytaleOptions, "tls"> {
  if (certFile === undefined && keyFile === undefined) return {};
  if (certFile === undefined || keyFile === undefined) throw new TypeError("--tls-cert and --tls-key go together");
  return { tls: { certFile, keyFile } };
}

async function readConfig(path: string): Promise<SkytaleOptions> {
  let config: unknown;
  try {
    config = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new TypeError(`--config ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (!isJsonObject(config)) throw new TypeError(`--config ${path}: must hold a JSON object`);
  try {
    rejectUnknownOptions(config, CONFIG_MEMBERS);
  } catch (error) {
    throw new TypeError(`--config ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  return config;
}
