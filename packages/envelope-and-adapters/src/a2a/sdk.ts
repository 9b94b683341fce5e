import { AdapterError } from "../adapter-error.ts";

/** The modules of the official SDK. */
interface Sdk {
  readonly base: typeof import("@a2a-js/sdk");
  readonly client: typeof import("@a2a-js/sdk/client");
  readonly server: typeof import("@a2a-js/sdk/server");
}

/** Not installed, or a version that has no such entry point. */
const NOT_THERE = new Set(["ERR_MODULE_NOT_FOUND", "ERR_PACKAGE_PATH_NOT_EXPORTED"]);

/**
 * Asked for with this module already, and not when it is needed. While the last file that anybody has looked at is a socket, such as one of
 * those that lock a data directory, Node 20's `import()` follows no symbolic links and takes packages for missing.
 */
const loading: Promise<Sdk> = load();
// Who doesn't need it doesn't miss it.
loading.catch(() => undefined);

/**
 * The official SDK, which is installed only by those who want it.
 *
 * @throws AdapterError `sdk_missing`.
 */
export async function loadSdk(): Promise<Sdk> {
  try {
    return await loading;
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && NOT_THERE.has(cause.code as string))) throw cause;
    throw new AdapterError("sdk_missing", "This needs the official A2A SDK. Install it: npm install @a2a-js/sdk@^1.3.0", { cause });
  }
}

async function load(): Promise<Sdk> {
  const [base, client, server] = await Promise.all([import("@a2a-js/sdk"), import("@a2a-js/sdk/client"), import("@a2a-js/sdk/server")]);
  return { base, client, server };
}
