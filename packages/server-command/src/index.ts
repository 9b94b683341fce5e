export { readConfigFile, readPortOption } from "./config.ts";
export { parseOptions } from "./parse-options.ts";
export { writeEnvFile } from "./env-file.ts";
export { checkPort, listenError, probePort } from "./ports.ts";
export { LOG_LEVELS, readLogger, serverLogger } from "./logger.ts";
