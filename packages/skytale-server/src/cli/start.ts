import {
  LOG_LEVELS,
  parseOptions,
  readConfigFile,
  readPortOption,
  readTrustProxyOption,
  serverLogger,
  withOneProxy,
  writeEnvFile,
} from "@parley/server-kit";
import type { SkytaleOptions } from "../options.ts";

const CONFIG_MEMBERS: readonly (keyof SkytaleOptions)[] = [
  "port",
  "relayPort",
  "host",
  "dataDir",
  "signup",
  "trustProxy",
  "metricsPort",
  "workers",
  "tls",
  "retention",
  "limits",
];

/** Runs a server until SIGINT or SIGTERM. Prints what agents need: its URLs, and its API key where it had to make one. */
export async function start(args: readonly string[], serverKey: Uint8Array | undefined): Promise<void> {
  const { values } = parseOptions("skytale-server", {
    args: withOneProxy(args),
    options: {
      port: { type: "string" },
      "relay-port": { type: "string" },
      host: { type: "string" },
      "data-dir": { type: "string" },
      signup: { type: "string" },
      "accept-clock": { type: "boolean", default: false },
      workers: { type: "boolean", default: false },
      "trust-proxy": { type: "string" },
      "metrics-port": { type: "string" },
      "tls-cert": { type: "string" },
      "tls-key": { type: "string" },
      config: { type: "string" },
      "write-env": { type: "string" },
      log: { type: "string", default: "info" },
    },
  });
  if (!LOG_LEVELS.includes(values.log)) throw new TypeError(`--log must be one of ${LOG_LEVELS.join(", ")}`);
  const options: SkytaleOptions = {
    ...(values.config !== undefined && (await readConfigFile(values.config, CONFIG_MEMBERS))),
    ...(values.port !== undefined && { port: readPortOption("--port", values.port) }),
    ...(values["relay-port"] !== undefined && { relayPort: readPortOption("--relay-port", values["relay-port"]) }),
    ...(values.host !== undefined && { host: values.host }),
    ...(values["data-dir"] !== undefined && { dataDir: values["data-dir"] }),
    ...(values.signup !== undefined && { signup: readSignup(values.signup) }),
    ...(values["accept-clock"] && { acceptClock: true }),
    ...(values.workers && { workers: true }),
    ...(values["trust-proxy"] !== undefined && { trustProxy: readTrustProxyOption("--trust-proxy", values["trust-proxy"]) }),
    ...(values["metrics-port"] !== undefined && { metricsPort: readPortOption("--metrics-port", values["metrics-port"]) }),
    ...(serverKey !== undefined && { serverKey }),
    ...readTls(values["tls-cert"], values["tls-key"]),
  };
  const logger = serverLogger("skytale-server", values.log);
  // Loaded when the arguments are known to be right.
  const { startSkytale } = await import("../server.ts");
  const server = await startSkytale({ ...options, logger });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void server.close());
  console.log(`SKYTALE_API_URL=${server.apiUrl}`);
  console.log(`SKYTALE_RELAY=${server.relayUrl}`);
  // Shown on purpose: it is nowhere else.
  if (server.apiKey !== undefined) console.log(`SKYTALE_API_KEY=${server.apiKey}`);
  else if (options.dataDir !== undefined) logger.info(keyHint(options.dataDir));
  if (values["write-env"] === undefined) return;
  const { apiUrl, relayUrl, apiKey } = server;
  const variables = { SKYTALE_API_URL: apiUrl, SKYTALE_RELAY: relayUrl, ...(apiKey !== undefined && { SKYTALE_API_KEY: apiKey }) };
  await writeEnvFile(values["write-env"], variables).catch(async (error: unknown) => {
    await server.close();
    throw error;
  });
}

function keyHint(dataDir: string): string {
  const command = `skytale-server keys create --account <id> --data-dir ${dataDir}`;
  return `the API key was shown when it was made; to make another one, call POST /v1/keys with it, or stop the server and run: ${command}`;
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
