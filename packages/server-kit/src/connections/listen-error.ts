import { createServer } from "node:net";
import { describeThrown, systemCode, systemReason } from "@parley/core/internal";

/** Turns a failed `listen` into an error with the cause and the remedy. `code` is the system's: `EADDRINUSE`, `EACCES`, … */
export function listenError(error: unknown, { host, port, option }: { host: string; port: number; option: string }): Error {
  const code = systemCode(error);
  if (code === undefined) return error instanceof Error ? error : new Error(describeThrown(error), { cause: error });
  const reason =
    code === "EADDRINUSE"
      ? `port ${port} of ${host} is in use: stop the process that listens there, or choose another ${option} (0 takes a free one)`
      : code === "EADDRNOTAVAIL" || code === "ENOTFOUND"
        ? `${host} is not an address of this machine: choose another host (127.0.0.1 is reachable from here only, 0.0.0.0 from everywhere)`
        : code === "EACCES"
          ? `port ${port} of ${host} may not be used by this user: choose a ${option} above 1023, or grant the right to bind it`
          : `cannot listen on port ${port} of ${host}: ${systemReason(error)}`;
  return Object.assign(new Error(reason, { cause: error }), { code });
}

/** Listens briefly to find out why a port is not available, for libraries that hide the reason. @throws the system's error */
export function probePort(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
  });
}
