import type { TracerProvider } from "@opentelemetry/api";
import { checkOptions, IS_BOOLEAN, type OptionCheck } from "@parley/core/internal";

/** Options of `otel`. */
export interface OtelOptions {
  /**
   * Whose trace contexts are continued: DIDs such as `did:web:acme.example:shop`, and channels such as `acme/team/general`; a `*` at the end stands for
   * any rest, compared as text: `did:web:localhost%3A*` for DIDs of localhost with any port. The spans of their messages are then children of theirs, and their decision whether to record counts. Contexts of all others are linked
   * from a trace of one's own. On a channel, every member is trusted. Default: none.
   */
  readonly trust?: readonly string[];
  /** Whether spans have the DIDs and names of senders and recipients. Default `false`: they have a hash, which shows only who is the same. */
  readonly identities?: boolean;
  /** Where spans go. Default: the provider that the program has registered with OpenTelemetry. */
  readonly tracerProvider?: TracerProvider;
}

const IS_PATTERNS: OptionCheck = {
  expected: 'a list of DIDs and channels, such as ["did:web:acme.example:*", "acme/team/*"], with * at the end only',
  is: (value) => Array.isArray(value) && value.every((pattern) => typeof pattern === "string" && /^[^*]+\*?$/.test(pattern)),
};
const IS_PROVIDER: OptionCheck = {
  expected: "a TracerProvider of OpenTelemetry",
  is: (value) => typeof value === "object" && value !== null && typeof Reflect.get(value, "getTracer") === "function",
};

/** @throws TypeError naming the option that is unknown or invalid */
export function checkOtelOptions(options: OtelOptions): void {
  checkOptions<OtelOptions>(options, { trust: IS_PATTERNS, identities: IS_BOOLEAN, tracerProvider: IS_PROVIDER });
}
