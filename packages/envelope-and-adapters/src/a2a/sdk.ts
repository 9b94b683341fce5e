import { AdapterError } from "../adapter-error.ts";

/** Not installed, or a version that has no such entry point. */
const NOT_THERE = new Set(["ERR_MODULE_NOT_FOUND", "ERR_PACKAGE_PATH_NOT_EXPORTED"]);

/**
 * Loads a module of the official SDK, which is installed only by those who want it.
 *
 * @throws AdapterError `sdk_missing`.
 */
export async function loadSdk<Module>(load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && NOT_THERE.has(cause.code as string))) throw cause;
    throw new AdapterError("sdk_missing", "This needs the official A2A SDK. Install it: npm install @a2a-js/sdk@^1.3.0", { cause });
  }
}
