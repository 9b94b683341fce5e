import { canonicalDid } from "@parley/did";
import type { Records } from "@parley/storage";
import { liveRecords, type LiveRecords } from "../identity/live-records.ts";
import type { NodeLimits } from "../options.ts";

/** Table of the registrations in a data directory. */
export const MEDIATIONS_TABLE = "mediations";
/** The same on nodes that share their data. */
export const SHARED_MEDIATIONS = "mediations";

/** Stored form of a registration. */
export type MediationRecord = {
  /** The DID that messages are forwarded for. */
  readonly did: string;
  /** The agent that has registered it and picks its messages up. */
  readonly agent: string;
};

/** Result of an update, as in `recipient-update-response`. */
export type UpdateResult = "success" | "no_change" | "client_error";

/** The DIDs for which a mediator accepts messages, each registered by one agent. */
export class Registrations {
  readonly #records: LiveRecords<MediationRecord>;
  readonly #limits: Pick<NodeLimits, "maxMediatedDids" | "maxMediatedDidsPerAgent">;
  readonly #agents = new Map<string, string>();
  readonly #byAgent = new Map<string, Set<string>>();

  constructor(
    records: Records<MediationRecord> | LiveRecords<MediationRecord>,
    limits: Pick<NodeLimits, "maxMediatedDids" | "maxMediatedDidsPerAgent">,
  ) {
    this.#records = liveRecords(records, (did) => this.#recordOf(did));
    this.#limits = limits;
    for (const { did, agent } of this.#records.load()) this.#set(did, agent);
    this.#records.onChange((did, record) => {
      if (record === undefined) this.#delete(did);
      else this.#set(did, record.agent);
    });
  }

  /** Waits for the registrations that other nodes have stored. @throws StorageError `storage_failed` */
  catchUp(): Promise<void> {
    return this.#records.catchUp();
  }

  /** The agent that picks up the messages for a DID. */
  agentOf(did: string): string | undefined {
    return this.#agents.get(did);
  }

  /** All registered DIDs. */
  dids(): Iterable<string> {
    return this.#agents.keys();
  }

  /** Number of registered DIDs. */
  get size(): number {
    return this.#agents.size;
  }

  /** The DIDs that an agent has registered, in their order. */
  of(agent: string): readonly string[] {
    return [...(this.#byAgent.get(agent) ?? [])];
  }

  /**
   * Registers a DID: the agent's own, which its messages prove, or one below it. For another DID, an agent could take the place of its owner.
   *
   * @throws StorageError `storage_failed`
   */
  async add(agent: string, did: string): Promise<UpdateResult> {
    if (canonicalDid(did) !== did || (did !== agent && !did.startsWith(`${agent}:`))) return "client_error";
    const holder = this.#agents.get(did);
    if (holder !== undefined) return holder === agent ? "no_change" : "client_error";
    const { maxMediatedDids, maxMediatedDidsPerAgent } = this.#limits;
    if (this.#agents.size >= maxMediatedDids || (this.#byAgent.get(agent)?.size ?? 0) >= maxMediatedDidsPerAgent) return "client_error";
    this.#set(did, agent);
    try {
      const stored = await this.#records.update(did, (present) => present ?? { did, agent });
      if (stored === undefined || stored.agent === agent) return "success";
      // Another agent has registered it at another node in this moment.
      this.#set(did, stored.agent);
      return "client_error";
    } catch (error) {
      this.#delete(did);
      throw error;
    }
  }

  /** @throws StorageError `storage_failed` */
  async remove(agent: string, did: string): Promise<UpdateResult> {
    if (this.#agents.get(did) !== agent) return "no_change";
    this.#delete(did);
    await this.#records.remove(did);
    return "success";
  }

  #recordOf(did: string): MediationRecord | undefined {
    const agent = this.#agents.get(did);
    return agent === undefined ? undefined : { did, agent };
  }

  #set(did: string, agent: string): void {
    if (this.#agents.get(did) !== agent) this.#delete(did);
    this.#agents.set(did, agent);
    const own = this.#byAgent.get(agent);
    if (own === undefined) this.#byAgent.set(agent, new Set([did]));
    else own.add(did);
  }

  #delete(did: string): void {
    const agent = this.#agents.get(did);
    if (agent === undefined) return;
    this.#agents.delete(did);
    const own = this.#byAgent.get(agent);
    own?.delete(did);
    if (own?.size === 0) this.#byAgent.delete(agent);
  }
}
