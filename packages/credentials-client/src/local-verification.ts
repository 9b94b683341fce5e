import type { DidResolver } from "@parley/did";
import { verifyCredential, verifyPresentation } from "@parley/vc";
import { createResolver, createStatusFetch, type ResolutionOptions } from "./resolution.ts";
import { signedKind } from "./signed-text.ts";
import type { LocalVerification, VerifyLocallyOptions } from "./verify-locally-options.ts";

/** The implementation of `verifyLocally`, which checks the options, and loads this module. */
export async function verifyWithoutNode(signed: string, options: VerifyLocallyOptions): Promise<LocalVerification> {
  const { resolution, nonce, ...others } = options;
  const text = signed.trim(); // white space is often pasted with it
  const common = {
    ...others,
    resolver: options.resolver ?? resolverFor(resolution),
    status: options.status ?? createStatusFetch(resolution),
  };
  if (nonce === undefined && signedKind(text) === "credential") return { kind: "credential", ...(await verifyCredential(text, common)) };
  const presentation = nonce === undefined ? common : { ...common, nonce };
  return { kind: "presentation", ...(await verifyPresentation(text, presentation)) };
}

let shared: DidResolver | undefined;

function resolverFor(resolution: ResolutionOptions | undefined): DidResolver {
  if (resolution !== undefined) return createResolver(resolution);
  shared ??= createResolver({});
  return shared;
}
