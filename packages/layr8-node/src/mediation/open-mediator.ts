import type { ReadNodeOptions } from "../options.ts";
import type { Stores } from "../stores.ts";
import { MediatedQueue } from "./mediated-queue.ts";
import { Mediator } from "./mediator.ts";
import { Registrations } from "./registrations.ts";

/** The owner of the mediator's DID: the node itself. */
const NODE = { id: "node", name: "node", dids: "any", ephemeral: false, createdAt: 0 } as const;

/**
 * Opens the mediator of the option `mediator`, whose DID the node hosts from then on; `undefined` without the option. Nodes that share their data are one
 * mediator.
 *
 * @throws IdentityError if the DID belongs to an agent; StorageError
 */
export async function openMediator(
  stores: Stores,
  { mediator: did, limits }: Pick<ReadNodeOptions, "mediator" | "limits">,
): Promise<Mediator | undefined> {
  if (did === undefined) return undefined;
  const { dids, inbox, mediations, clock, shared } = stores;
  await dids.ensure(did, { mode: "Create", owner: NODE });
  const registrations = new Registrations(mediations, limits);
  return new Mediator({ did, registrations, queue: new MediatedQueue({ inbox, limits, clock }), shared: shared?.mediation });
}
