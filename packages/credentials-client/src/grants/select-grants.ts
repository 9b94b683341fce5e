import { isJsonObject, type JsonObject } from "@parley/core";
import type { GrantRequest, GrantScope } from "@parley/vc/grants";
import type { UnsuitableGrant } from "./explain-grants.ts";
import type { HeldGrant } from "./held-grant.ts";

/** Most grants attached to one message, as in layr8's SDKs. */
const MAX_ATTACHED = 16;

/** A message for which grants are selected. */
export interface GrantSubject {
  readonly to: readonly string[];
  readonly type: string;
  readonly body: JsonObject;
}

/** The grants for a message. */
export interface SelectedGrants {
  readonly attached: readonly HeldGrant[];
  /** The number of grants that cover the message, which may be more than are attached. */
  readonly covering: number;
  /** Why each of the other stored grants does not cover it. */
  explain(): readonly UnsuitableGrant[];
}

/**
 * Selects the grants that cover a message to any of its recipients. It errs on the side of too many: one that is too much costs nothing, and one that is
 * missing a denial. Only if there are more than {@link MAX_ATTACHED}, an order decides: a grant in force before an expired one, then one that names the
 * tool before one that names none and before one that names others, then one that names the resource, then the order of the store.
 *
 * @param covers `scopeCovers` of `@parley/vc/grants`.
 * @see layr8/node-sdk, src/wallet.ts
 */
export function selectGrants(
  held: readonly HeldGrant[],
  { to, type, body }: GrantSubject,
  covers: (scope: GrantScope, request: Pick<GrantRequest, "type" | "resource">) => boolean,
  now: number,
): Omit<SelectedGrants, "explain"> {
  const covering = held.filter(({ scope }) => scope.some((entry) => to.some((resource) => covers(entry, { type, resource }))));
  return { attached: rank(covering, toolOf(body), now).slice(0, MAX_ATTACHED), covering: covering.length };
}

/** The tool that a body of MCP names. */
function toolOf({ params }: JsonObject): string | undefined {
  const name = isJsonObject(params) ? params["name"] : undefined;
  return typeof name === "string" ? name : undefined;
}

function rank(grants: readonly HeldGrant[], tool: string | undefined, now: number): readonly HeldGrant[] {
  const weightOf = ({ expires, tools, scope }: HeldGrant): number => {
    const isExpired = expires !== undefined && expires <= now;
    const tier = tools.length === 0 ? 1 : tool !== undefined && tools.includes(tool) ? 0 : 2;
    const namesResource = scope.some(({ resource }) => resource !== undefined && resource !== "*" && !resource.endsWith("/*"));
    return (isExpired ? 8 : 0) + 2 * tier + (namesResource ? 0 : 1);
  };
  return grants.length < 2 ? grants : grants.toSorted((left, right) => weightOf(left) - weightOf(right));
}
