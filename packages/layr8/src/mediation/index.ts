import { bootstrap, declare, enroll, live, pickup, status, undeclare } from "./mediation.ts";

/**
 * The steps of mediation, for those that the option `mediator` does not include, such as the steps of a DID that was joined with `mediated: true`. None of them
 * throws for what a mediator or a node answers: `{ ok: false, error }`.
 *
 * @example
 * ```ts
 * import { mediation, type Client } from "layr8";
 *
 * async function hostMediated(client: Client, did: string, mediator: string): Promise<void> {
 *   await client.joinDid(did, { protocols: ["https://layr8.io/protocols/echo/1.0"], mediated: true });
 *   const result = await mediation.bootstrap(client, mediator, { did });
 *   if (!result.ok) console.error(`mediation failed at ${result.step}: ${result.error.message}`);
 * }
 * ```
 */
export const mediation: {
  readonly enroll: typeof enroll;
  readonly declare: typeof declare;
  readonly undeclare: typeof undeclare;
  readonly pickup: typeof pickup;
  readonly live: typeof live;
  readonly status: typeof status;
  readonly bootstrap: typeof bootstrap;
} = { enroll, declare, undeclare, pickup, live, status, bootstrap };
