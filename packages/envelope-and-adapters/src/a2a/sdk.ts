import { AdapterError } from "../adapter-error.ts";

/** The modules of the official SDK. */
interface Sdk {
  readonly base: typeof import("@a2a-js/sdk");
  readonly client: typeof import("@a2a-js/sdk/client");
  readonly server: typeof import("@a2a-js/sdk/server");
}

/**
 * Started when this module is loaded, not when the SDK is needed: after a `stat` of a socket, such as the one that locks a data directory,
 * `import()` of Node 20 doesn't follow symbolic links and reports installed packages as missing.
 */
const loading: Promise<Sdk> = load();
// Programs that don't use the SDK must not fail because it is missing.
loading.catch(() => undefined);

/**
 * The official SDK, an optional peer dependency.
 *
 * @throws AdapterError `sdk_missing` if it can't be imported; `cause` says why.
 */
export function loadSdk(): Promise<Sdk> {
  return loading;
}

/**
 * Each import is awaited inside `try`: bundlers then warn about a package that isn't installed instead of failing, and leave it to the
 * running program to find it. What they put in its place fails with errors of their own, so any failure counts.
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
