import { lazily } from "@parley/core/lazily";
import { AdapterError } from "../adapter-error.ts";

/** The modules of the official SDK. */
interface Sdk {
  readonly base: typeof import("@a2a-js/sdk");
  readonly client: typeof import("@a2a-js/sdk/client");
  readonly server: typeof import("@a2a-js/sdk/server");
}

/**
 * Returns the official SDK, an optional peer dependency.
 *
 * @throws AdapterError `sdk_missing`: it can't be imported; `cause` is the error
 */
export const loadSdk: () => Promise<Sdk> = lazily(load);

/**
 * Each import is awaited inside `try`, so that bundlers only warn about a missing package and resolve it at run time. Their replacement code
 * throws other errors, so all errors are treated as a missing SDK.
 */
async function load(): Promise<Sdk> {
  try {
    const base = await import("@a2a-js/sdk");
    const client = await import("@a2a-js/sdk/client");
    const server = await import("@a2a-js/sdk/server");
    return { base, client, server };
  } catch (cause) {
    throw new AdapterError("sdk_missing", "The official A2A SDK can't be loaded. Install it: npm install @a2a-js/sdk@^1.3.0", { cause });
  }
}
