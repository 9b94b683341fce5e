export { EXIT, type ExitCode } from "./failure.ts";
export { OUTPUT_SCHEMAS } from "./schemas/index.ts";
