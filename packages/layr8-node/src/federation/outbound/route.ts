import { DidError, didcommEndpoints, didOf, type DidcommEndpoint, type DidDocument, type DidResolver } from "@parley/did";
import type { Endpoints, Target } from "./endpoints.ts";
import { UndeliverableError } from "./undeliverable-error.ts";

/** How a recipient is reached. */
export interface Route {
  readonly document: DidDocument;
  readonly target: Target;
  /** DIDs of mediators that the message is wrapped for: the first is the one that the endpoint belongs to. */
  readonly mediators: readonly string[];
}

/** Options of {@link findRoute}. */
export interface RouteOptions {
  readonly resolver: DidResolver;
  readonly endpoints: Endpoints;
  /** Age at which a cached document is resolved again, in milliseconds; `Infinity` leaves it to the cache. */
  readonly maxAgeMs: number;
  readonly signal: AbortSignal;
  /** DID of the sender. A mediator does not reach its own agents through itself. */
  readonly sender: string;
  /** Routes cached by document, for routes that depend on one document alone. A caching resolver returns the same object each time. */
  readonly known: WeakMap<DidDocument, Route>;
}

/** Each mediator costs one encryption, and a third more bytes. */
const MAX_MEDIATORS = 3;

/**
 * Finds the endpoint for messages to a DID: the first one of its document that this node can use. An endpoint that is the DID of a mediator
 * is followed once.
 *
 * @throws UndeliverableError `unresolved` or `unreachable`.
 * @throws DidError for transient errors.
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#service-endpoint | DIDComm v2.1, Service Endpoint}
 */
export async function findRoute(recipient: string, options: RouteOptions): Promise<Route> {
  const document = await resolve(recipient, options);
  const known = options.known.get(document);
  if (known !== undefined) return known;
  let dependsOnSender = false;
  for (const endpoint of didcommEndpoints(document)) {
    if (endpoint.uri === options.sender) {
      dependsOnSender = true;
      continue;
    }
    const mediators = mediatorsOf(endpoint);
    if (!takesV2(endpoint) || mediators === undefined) continue;
    // In the document's order of preference.
    // oxlint-disable-next-line no-await-in-loop
    const route = endpoint.uri.startsWith("did:")
      ? await throughMediator(endpoint.uri, options)
      : options.endpoints.target(endpoint.uri, recipient);
    if (route === undefined) continue;
    if ("mediators" in route) return { document, target: route.target, mediators: [...route.mediators, ...mediators] };
    const direct = { document, target: route, mediators };
    if (!dependsOnSender) options.known.set(document, direct);
    return direct;
  }
  throw new UndeliverableError("unreachable", `${recipient} names no endpoint for DIDComm v2 that this node may ask`, { lookAgain: true });
}

/** The endpoint of a DID's own node, from its document; `undefined` if it is behind a mediator that is named by its DID. */
export function ownTarget(document: DidDocument, endpoints: Endpoints): Target | undefined {
  for (const endpoint of didcommEndpoints(document)) {
    const target = takesV2(endpoint) ? endpoints.target(endpoint.uri, document.id) : undefined;
    if (target !== undefined) return target;
  }
  return undefined;
}

async function throughMediator(mediator: string, options: RouteOptions): Promise<Pick<Route, "target" | "mediators"> | undefined> {
  for (const endpoint of didcommEndpoints(await resolve(mediator, options))) {
    if (!takesV2(endpoint) || endpoint.routingKeys.length > 0) continue;
    const target = options.endpoints.target(endpoint.uri, mediator);
    if (target !== undefined) return { target, mediators: [mediator] };
  }
  return undefined;
}

function takesV2({ accept }: DidcommEndpoint): boolean {
  return accept.length === 0 || accept.some((profile) => /^didcomm\/v2(?:;|$)/.test(profile));
}

/** The DIDs of the routing keys; `undefined` if they can't be used. */
function mediatorsOf({ uri, routingKeys }: DidcommEndpoint): readonly string[] | undefined {
  const dids = routingKeys.flatMap((key) => didOf(key) ?? []);
  const count = dids.length + (uri.startsWith("did:") ? 1 : 0);
  return dids.length === routingKeys.length && count <= MAX_MEDIATORS ? dids : undefined;
}

async function resolve(did: string, { resolver, maxAgeMs, signal }: RouteOptions): Promise<DidDocument> {
  try {
    return await resolver.resolve(did, { signal, maxAgeMs });
  } catch (error) {
    if (!(error instanceof DidError) || error.retryable) throw error;
    // Errors about the text of the DID are permanent. Errors about its document may be fixed in a moment.
    const lookAgain = error.code !== "did_invalid" && error.code !== "method_not_supported";
    throw new UndeliverableError("unresolved", `${did} can't be resolved: ${error.message}`, { cause: error, lookAgain });
  }
}
