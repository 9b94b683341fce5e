import type { DidResolver } from "@parley/did";
import type { Resolution } from "../network/resolution.ts";
import type { NodeLimits } from "../options.ts";
import type { Stores } from "../stores.ts";
import { StatusListPublisher } from "./status/status-list-publisher.ts";
import { createNetworkVerifier, type CredentialVerifier } from "./verifier.ts";

/** What a node needs to publish status lists, and to verify credentials. */
export interface NodeVerifiersOptions {
  readonly stores: Pick<Stores, "dids" | "statusLists">;
  readonly limits: NodeLimits;
  readonly resolution: Resolution;
  /** The resolvers for agents here, and for senders on other nodes. */
  readonly resolvers: { readonly recipients: DidResolver; readonly senders: DidResolver };
  /** Public URL of the node, without a slash at its end. */
  origin(): string;
  /** A status list of the node has changed, at these URLs: results that depend on it no longer hold. */
  onStatusListChanged(urls: readonly string[]): void;
}

/** The publisher of a node's status lists, and its verifiers for agents here and for senders on other nodes. */
export interface NodeVerifiers {
  readonly publisher: StatusListPublisher;
  readonly local: CredentialVerifier;
  readonly remote: CredentialVerifier;
}

/** Creates verifiers that read the node's own status lists directly, and notice their changes at once. */
export function createNodeVerifiers({
  stores,
  limits,
  resolution,
  resolvers,
  origin,
  onStatusListChanged,
}: NodeVerifiersOptions): NodeVerifiers {
  const { dids, statusLists } = stores;
  const publisher = new StatusListPublisher({
    lists: statusLists,
    keyOf: async (issuer) => {
      const privateKey = await dids.privateKey(issuer, "signing");
      return privateKey && { kid: `${issuer}#signing`, privateKey };
    },
    origin,
    ttlMs: limits.statusListTtlMs,
  });
  const readOwn = async (url: string): Promise<string | undefined> => (await publisher.readUrl(url))?.text;
  const local = createNetworkVerifier(resolvers.recipients, resolution, limits, readOwn);
  const remote = createNetworkVerifier(resolvers.senders, resolution, limits, readOwn);
  statusLists.onChanged((list) => {
    const urls = publisher.urlsOf(list);
    for (const url of urls) for (const verifier of [local, remote]) verifier.forgetStatusList(url);
    onStatusListChanged(urls);
  });
  return { publisher, local, remote };
}
