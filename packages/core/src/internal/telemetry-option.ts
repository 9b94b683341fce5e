import type { OptionCheck } from "./check-options.ts";

/** Checks a `Telemetry`. */
export const IS_TELEMETRY: OptionCheck = {
  expected: "a Telemetry, such as otel() of @parley/otel",
  is: (value) => typeof value === "object" && value !== null && typeof Reflect.get(value, "start") === "function",
};
