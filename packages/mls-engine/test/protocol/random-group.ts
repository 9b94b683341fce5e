import { decodeWhole } from "../../src/codec/reader.ts";
import { randomFrom } from "@parley/test-assertions";
import { join } from "../../src/join/join.ts";
import { processCommit } from "../../src/commit/process-commit.ts";
import type { Proposal } from "../../src/proposals/proposal.ts";
import { readWelcome } from "../../src/join/welcome.ts";
import { groupOfClients, newClient, propose, type Client } from "./clients.ts";

const MAX_MEMBERS = 12;
const MIN_MEMBERS = 4;

/** A group with a random history. Adds without a path leave unmerged leaves in its tree, removals leave blanks. */
export class RandomGroup {
  members: readonly Client[];
  readonly #random: (below: number) => number;
  #made = 0;

  private constructor(members: readonly Client[], random: (below: number) => number) {
    this.members = members;
    this.#random = random;
  }

  static async create(seed: number): Promise<RandomGroup> {
    return new RandomGroup(await groupOfClients(5), randomFrom(seed));
  }

  get first(): Client {
    const [first] = this.members;
    if (first === undefined) throw new TypeError("The group has no members");
    return first;
  }

  /** A random member commits random adds and removes, some with a path; all members follow, and the new ones join. */
  async step(): Promise<void> {
    const random = this.#random;
    const committer = this.members[random(this.members.length)] ?? this.first;
    const isGrowing = this.members.length < MAX_MEMBERS && random(3) > 0;
    const newcomers = await Promise.all(Array.from({ length: isGrowing ? 1 + random(2) : 0 }, () => newClient(`new ${this.#made++}`)));
    const canShrink = this.members.length > MIN_MEMBERS;
    const gone = this.members.filter((member) => member !== committer && canShrink && random(6) === 0).slice(0, 3);
    const proposals: Proposal[] = [
      ...gone.map(({ state }): Proposal => ({ kind: "remove", removed: state.ownLeaf })),
      ...newcomers.map(({ own }): Proposal => ({ kind: "add", keyPackage: own.keyPackage })),
    ];
    const created = await propose(committer, proposals, random(2) === 0);
    const stay = this.members.filter((member) => !gone.includes(member));
    for (const member of stay) {
      if (member === committer) continue;
      const { next } = await processCommit(member.env, member.state, created.handshake);
      if (next === undefined) throw new TypeError("A member was removed");
      member.state = next.state;
    }
    committer.state = created.state;
    const joined: Client[] = [];
    for (const newcomer of newcomers) {
      const welcome = decodeWhole(created.welcome ?? new Uint8Array(), readWelcome);
      joined.push({ ...newcomer, state: (await join(newcomer.env, welcome, newcomer.own)).state });
    }
    this.members = [...stay, ...joined];
  }
}
