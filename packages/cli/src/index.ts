// oxlint-disable-next-line import/no-unassigned-import -- rejects unsupported versions of Node with one sentence
import "@parley/core/internal";

export { EXIT, type ExitCode } from "./cli-error.ts";
export { OUTPUT_SCHEMAS } from "./schemas/index.ts";
