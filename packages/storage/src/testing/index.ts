// For implementations of the interfaces of this package. Not a stable API.
export { ENVIRONMENT_CHECKS, type EnvironmentCheck } from "./environment-checks.ts";
