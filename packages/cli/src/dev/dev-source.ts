import type { AdminSource } from "@parley/server-kit";
import { runChecks, createContext, type DoctorContext, type DoctorReport } from "../doctor/check.ts";
import type { TryAgents } from "./try-agents.ts";
import { tryMessage } from "./try-message.ts";

/** Timeout of each call of a check, in milliseconds. */
const CHECK_TIMEOUT_MS = 5000;

/** What `parley dev` adds to the console: the checks of `parley doctor`, and agents that send or wait for messages. */
export function devSource({
  environment,
  cliVersion,
  dataDirectory,
  agents,
}: Pick<DoctorContext, "environment" | "cliVersion" | "dataDirectory"> & { readonly agents: TryAgents }): AdminSource {
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
      received: (parameters) => agents.received(parameters),
    },
    actions: {
      send: (parameters) => tryMessage(environment, { ...parameters, isRequest: false }),
      request: (parameters) => tryMessage(environment, { ...parameters, isRequest: true }),
      listen: (parameters) => agents.listen(parameters),
      "stop-listening": (parameters) => agents.stop(parameters),
    },
  };
}
