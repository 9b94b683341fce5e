import type { Logger } from "pino";
import { hostOfDomain } from "../identity/domain.ts";

/**
 * Warns of a mediator whose DID is below another host than those of its node. Other nodes send its messages to that host, which may be right only if a
 * proxy there forwards them. Ports are not compared: agents of one machine use DIDs of `localhost`.
 *
 * @param ownHosts as written in URLs.
 */
export function checkMediatorDomain(did: string, ownHosts: readonly string[], logger: Logger): void {
  const host = hostOfDomain(did.slice("did:web:".length));
  if (ownHosts.some((own) => withoutPort(own) === withoutPort(host))) return;
  logger.warn(
    { did, hosts: ownHosts },
    `the DID of the mediator is not of this node's domain: other nodes look for it at ${host}, and do not reach it unless that host forwards to this node`,
  );
}

function withoutPort(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, "");
}
