import { canonicalDid } from "@parley/did";
import type { Records } from "@parley/storage";
import type { NodeLimits } from "../options.ts";

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
  readonly #records: Records<MediationRecord>;
  readonly #limits: Pick<NodeLimits, "maxMediatedDids" | "maxMediatedDidsPerAgent">;
  readonly #agents = new Map<string, string>();
  readonly #byAgent = new Map<string, Set<string>>();

  constructor(records: Records<MediationRecord>, limits: Pick<NodeLimits, "maxMediatedDids" | "maxMediatedDidsPerAgent">) {
    this.#records = records;
    this.#limits = limits;
    for (const { did, agent } of records.load()) this.#set(did, agent);
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
      await this.#records.put(did, { did, agent });
    } catch (error) {
      this.#delete(did, agent);
      throw error;
    }
    return "success";
  }

  /** @throws StorageError `storage_failed` */
  async remove(agent: string, did: string): Promise<UpdateResult> {
    if (this.#agents.get(did) !== agent) return "no_change";
    this.#delete(did, agent);
    await this.#records.remove(did);
    return "success";
  }

  #set(did: string, agent: string): void {
    this.#agents.set(did, agent);
    const own = this.#byAgent.get(agent);
    if (own === undefined) this.#byAgent.set(agent, new Set([did]));
    else own.add(did);
  }

  #delete(did: string, agent: string): void {
    this.#agents.delete(did);
    const own = this.#byAgent.get(agent);
    own?.delete(did);
    if (own?.size === 0) this.#byAgent.delete(agent);
  }
}
