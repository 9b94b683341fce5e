import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Unpacked by `npm run nats-server`. */
const UNPACKED = fileURLToPath(new URL("../../../.cache/nats-server/usr/sbin/nats-server", import.meta.url));
/** Older servers can lose a replicated stream when processes crash. */
const OLDEST_FOR_REPLICAS = "2.10.23";

/** A nats-server of this machine. */
interface FoundNats {
  readonly command: string;
  readonly version: string;
}

let found: FoundNats | undefined;

/** The newer one of the nats-server on PATH and the unpacked one; `undefined` if there is neither. */
function findNats(): FoundNats | undefined {
  found ??= ["nats-server", UNPACKED]
    .flatMap((command) => readVersion(command) ?? [])
    .toSorted((left, right) => compare(right.version, left.version))[0];
  return found;
}

/** Why tests with that many servers can't run: for `describeUnless`. `undefined` if they can. */
export function missingNats(servers: 1 | 3): string | undefined {
  const version = findNats()?.version;
  if (version === undefined) return "no nats-server on PATH; run `npm run nats-server`";
  if (servers === 1 || compare(version, OLDEST_FOR_REPLICAS) >= 0) return undefined;
  return `nats-server ${version} is too old to replicate; ${OLDEST_FOR_REPLICAS} or later is needed: run \`npm run nats-server\``;
}

/** The command that starts a server. @throws Error if it was not found: check {@link missingNats} first. */
export function natsCommand(): string {
  const command = findNats()?.command;
  if (command === undefined) throw new Error(missingNats(1));
  return command;
}

function readVersion(command: string): FoundNats | undefined {
  const { stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
  const version = /v(\d+\.\d+\.\d+)/.exec(stdout ?? "")?.[1];
  return version === undefined ? undefined : { command, version };
}

function compare(left: string, right: string): number {
  return left.localeCompare(right, "en", { numeric: true });
}
