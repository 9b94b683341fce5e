import { AdminServer } from "@parley/admin";
import type { AdminOptions, ServerConsole } from "@parley/server-kit";
import type { Logger } from "pino";
import { CONSOLE_FILES } from "./console-files.ts";

/** Creates the console of one server. The server attaches itself, then opens it. */
export function openConsole(options: AdminOptions, logger: Logger): ServerConsole {
  const { adminPort = 0, adminHost, adminToken, adminActions, adminBodies, adminLenses } = options;
  return new AdminServer({
    port: adminPort,
    host: adminHost,
    token: adminToken,
    actions: adminActions,
    bodies: adminBodies,
    lenses: adminLenses,
    files: CONSOLE_FILES,
    onAction: ({ error, about, ...action }) => {
      if (error === undefined) logger.warn({ ...action, ...about }, "admin action");
      else logger.warn({ ...action, ...about, reason: error }, "admin action failed");
    },
    onFailure: (error) => logger.error({ err: error }, "the console failed"),
  });
}
