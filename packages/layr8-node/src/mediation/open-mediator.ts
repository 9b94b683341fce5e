import type { ReadNodeOptions } from "../options.ts";
import type { Stores } from "../stores.ts";
import { MediatedQueue } from "./mediated-queue.ts";
import { Mediator } from "./mediator.ts";
import { Registrations } from "./registrations.ts";

/** The owner of the mediator's DID: the node itself. */
const NODE = { id: "node", name: "node", dids: "any", ephemeral: false, createdAt: 0 } as const;

/**
 * Opens the mediator of the option `mediator`, whose DID the node hosts from then on; `undefined` without the option.
 *
 * @throws TypeError with NATS; IdentityError if the DID belongs to an agent; StorageError
 */
export async function openMediator(
  stores: Stores,
  { mediator, limits }: Pick<ReadNodeOptions, "mediator" | "limits">,
): Promise<Mediator | undefined> {
  if (mediator === undefined) return undefined;
  const { dids, inbox, mediations, clock } = stores;
  if (mediations === undefined) {
    throw new TypeError('Option "mediator" is for nodes with a data directory or in memory, not for nodes that share their data in NATS');
  }
  await dids.ensure(mediator, { mode: "Create", owner: NODE });
  return new Mediator(mediator, new Registrations(mediations, limits), new MediatedQueue({ inbox, limits, clock }));
}
