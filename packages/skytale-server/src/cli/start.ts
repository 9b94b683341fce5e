import { type Command, readSecretKey, runServer, type ServerProgram } from "@parley/server-kit";
import { SKYTALE_OPTIONS, type SkytaleOptions } from "../options.ts";
import type { SkytaleServer } from "../skytale-server.ts";

/** The server as its command starts it. */
export const SKYTALE_PROGRAM: ServerProgram<SkytaleOptions, SkytaleServer> = {
  name: "skytale-server",
  schema: SKYTALE_OPTIONS,
  flags: {
    "tls-cert": { value: "<file>", help: "PEM of the certificate chain, for TLS on both ports" },
    "tls-key": { value: "<file>", help: "PEM of its private key" },
  },
  complete: (_options, { "tls-cert": certFile, "tls-key": keyFile }, environment) => {
    const serverKey = readSecretKey(environment, "SKYTALE_SERVER_KEY");
    if ((certFile === undefined) !== (keyFile === undefined)) throw new TypeError("--tls-cert and --tls-key go together");
    return {
      ...(serverKey !== undefined && { serverKey }),
      ...(typeof certFile === "string" && typeof keyFile === "string" && { tls: { certFile, keyFile } }),
    };
  },
  start: async (options) => (await import("../server.ts")).startSkytale(options),
  variables: ({ apiUrl, relayUrl, apiKey, adminUrl }) => ({
    SKYTALE_API_URL: apiUrl,
    SKYTALE_RELAY: relayUrl,
    SKYTALE_API_KEY: apiKey,
    ...(adminUrl !== undefined && { SKYTALE_ADMIN_URL: adminUrl }),
  }),
  keyHint: ({ dataDir }) => {
    if (dataDir === undefined) return undefined;
    const command = `skytale-server keys create --account <id> --data-dir ${dataDir}`;
    return `the API key was shown when it was created; to create another one, call POST /v1/keys with it, or stop the server and run: ${command}`;
  },
};

/** Runs a server until SIGINT or SIGTERM. */
export const start: Command = (args, environment) => runServer(SKYTALE_PROGRAM, args, environment);
