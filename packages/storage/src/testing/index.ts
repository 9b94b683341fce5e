// For implementations of the interfaces of this package. Not a stable API.
// oxlint-disable-next-line import/no-unassigned-import -- rejects unsupported versions of Node with one sentence
import "@parley/core/internal";

export { ENVIRONMENT_CHECKS, type EnvironmentCheck } from "./environment-checks.ts";
