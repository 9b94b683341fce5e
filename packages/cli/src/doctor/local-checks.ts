import { stat } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "@parley/core/internal";
import { contextsPath, readContexts } from "../settings/contexts.ts";
import { findSettings, requireSource } from "../settings/settings.ts";
import { EXIT } from "../cli-error.ts";
import { failed, ok, skipped, warning, type Check, type CheckResult } from "./check.ts";

/** Permission bits of other users. */
const OTHERS = 0o077;

/** Checks of this machine: no network access. */
export const LOCAL_CHECKS: readonly Check[] = [
  {
    id: "node-js",
    title: "version of Node.js",
    run: ({ nodeVersion }) => {
      const [major = 0, minor = 0] = nodeVersion.split(".").map(Number);
      const isSupported = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
      if (isSupported) return ok(`Node ${nodeVersion}`);
      return failed(`Node ${nodeVersion} is not supported`, "install Node 20.19 or newer, or 22.12 or newer");
    },
  },
  {
    id: "contexts",
    title: "file of contexts",
    run: async ({ environment }) => {
      const path = contextsPath(environment);
      const { contexts, current } = await readContexts(path);
      const names = Object.keys(contexts);
      if (names.length === 0) return skipped("no contexts are stored");
      const count = `${names.length} context${names.length === 1 ? "" : "s"}`;
      return checkFileAccess(path, `${count}${current === undefined ? "" : `, current: ${current}`}`);
    },
  },
  {
    id: "env-file",
    title: "permissions of .env",
    run: ({ cwd }) => checkFileAccess(join(cwd, ".env"), "readable by this user only, or absent"),
  },
  {
    id: "settings",
    title: "URLs and keys",
    run: async (context) => {
      context.settings = await findSettings({ environment: context.environment, cwd: context.cwd, context: context.contextName });
      const { name, variables } = requireSource(context.settings);
      const { others } = context.settings;
      const missing = [
        ...(variables.LAYR8_NODE_URL !== undefined && variables.LAYR8_API_KEY === undefined ? ["LAYR8_API_KEY"] : []),
        ...(variables.SKYTALE_API_URL !== undefined && variables.SKYTALE_API_KEY === undefined ? ["SKYTALE_API_KEY"] : []),
      ];
      if (missing.length > 0) {
        return failed(`${name} has a URL without ${missing.join(" and ")}`, `set ${missing.join(" and ")} in the same place`, EXIT.usage);
      }
      return ok(`from ${name}${others.length === 0 ? "" : `; not used: ${others.map((other) => other.name).join(", ")}`}`);
    },
  },
];

/** Checks that other users can't read a file. A missing file passes. @param found the result of a check that passes */
async function checkFileAccess(path: string, found: string): Promise<CheckResult> {
  if (process.platform === "win32") return ok(found);
  try {
    const mode = (await stat(path)).mode & 0o777;
    if ((mode & OTHERS) === 0) return ok(found);
    return warning(`${path} has keys, and mode ${mode.toString(8).padStart(4, "0")}: other users can read it`, `run: chmod 600 ${path}`);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return ok(found);
    throw error;
  }
}
