export { readConfigFile, readPortOption } from "./config.ts";
export { writeEnvFile } from "./env-file.ts";
export { LOG_LEVELS, serverLogger } from "./logger.ts";
export { parseOptions } from "./parse-options.ts";
export { listenError, probePort } from "./ports.ts";
