import type { AdminSource } from "@parley/server-kit";
import { runChecks, createContext, type DoctorContext, type DoctorReport } from "../doctor/check.ts";
import { tryMessage } from "./try-message.ts";

/** Timeout of each call of a check, in milliseconds. */
const CHECK_TIMEOUT_MS = 5000;

/** What `parley dev` adds to the console: the checks of `parley doctor`, and messages of a throw-away agent. */
export function devSource({
  environment,
  cliVersion,
  dataDirectory,
}: Pick<DoctorContext, "environment" | "cliVersion" | "dataDirectory">): AdminSource {
  let running: Promise<DoctorReport> | undefined;
  const check = async (): Promise<DoctorReport> => {
    const { CHECKS } = await import("../doctor/checks.ts");
    return runChecks(CHECKS, createContext({ environment, cliVersion, dataDirectory, timeoutMs: CHECK_TIMEOUT_MS }));
  };
  return {
    name: "dev",
    title: "Development servers",
    reads: {
      // Pages that ask at the same time get the same result.
      doctor: () => (running ??= check().finally(() => (running = undefined))),
    },
    actions: {
      send: (parameters) => tryMessage(environment, { ...parameters, isRequest: false }),
      request: (parameters) => tryMessage(environment, { ...parameters, isRequest: true }),
    },
  };
}
