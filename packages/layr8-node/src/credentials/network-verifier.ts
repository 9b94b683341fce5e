import type { DidResolver } from "@parley/did";
import type { NodeLimits } from "../options.ts";
import { createNetworkStatusFetch, type Resolution } from "./resolution.ts";
import { CredentialVerifier } from "./verifier.ts";

/** Creates a verifier that uses documents of a resolver and status lists from the network. */
export function createNetworkVerifier(resolver: DidResolver, resolution: Resolution, limits: NodeLimits): CredentialVerifier {
  return new CredentialVerifier({
    resolver,
    status: createNetworkStatusFetch(resolution),
    statusMaxAgeMs: resolution.cacheTtlMs,
    maxConcurrent: limits.maxVerifications,
    timeoutMs: limits.verificationTimeoutMs,
  });
}
