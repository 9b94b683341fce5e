import type { Federation } from "../federation/federation.ts";
import type { SetMediator } from "../http/rest/mediator-routes.ts";
import type { Dids } from "../identity/dids.ts";

/** Declares mediators of hosted DIDs. Their documents change, so the cached ones are dropped. */
export function mediatorDeclarations(dids: Dids, federation: Pick<Federation, "forget">): SetMediator {
  return async (owner, did, mediator) => {
    await dids.ensure(did, { mode: "Require", owner });
    await dids.setMediator(did, mediator);
    federation.forget(did);
  };
}
