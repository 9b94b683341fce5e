import { createHash } from "node:crypto";
import { isJsonObject } from "@parley/core";
import { agentJwks, agentKids, peekKeyStatement, verifyKeyStatement, type AgentPublicKeys } from "@parley/didcomm-crypto";
import { publicKeyJwk, type DidDocument, type PublicJwk } from "@parley/did";
import { KeyedMutex } from "@parley/core/internal";
import { placeOf } from "./directory-key-store.ts";
import { EndToEndError } from "./end-to-end-error.ts";
import type { KeyStore } from "./key-store.ts";
import { damaged, isOwner, ownerLine, readLines, type OwnFile } from "./own-file.ts";

/** Other agents whose keys are remembered. */
const MAX_PINS = 10_000;
/** Lines that the file may have beyond twice the number of pins. */
const SPARE_LINES = 16;
/** How much later than stated a replaced key may still be listed: clocks differ, and documents are cached. */
const GRACE_MS = 60 * 60_000;

/** The present keys of an agent that holds them itself, and the number of rotations up to them. */
type AgentState = AgentPublicKeys & { readonly sequence: number };

/** What is remembered of another agent's keys. */
interface Pin {
  readonly did: string;
  /** Fingerprints of the keys in its document, by key id. */
  readonly keys: Readonly<Record<string, string>>;
  /** Set if the agent holds its keys itself. */
  readonly agent?: AgentState;
  /** Until when keys hold that a rotation has replaced, in milliseconds since 1970, by key id. */
  readonly former?: Readonly<Record<string, number>>;
  /** Whether this agent has begun to send to it. Others are forgotten first. */
  readonly isContact?: boolean;
}

/**
 * The keys of other agents as they were first seen, with the rotations that they have signed since. Nodes serve the documents with the keys, so a node
 * could put in other ones: that is noticed unless it does so from the beginning.
 */
export class Pins {
  readonly #store: KeyStore;
  readonly #file: OwnFile;
  readonly #max: number;
  /** Held by those who check or change what is remembered of a DID. */
  readonly turns: KeyedMutex = new KeyedMutex();
  readonly #pins: Map<string, Pin>;
  /** Lines of the file. */
  #lines: number;
  /** Whether the file may end with a part of a line, because an append has failed. */
  #isCut = false;
  #writing: Promise<void> = Promise.resolve();

  private constructor(store: KeyStore, file: OwnFile, pins: Map<string, Pin>, { max, lines }: { max: number; lines: number }) {
    this.#store = store;
    this.#file = file;
    this.#pins = pins;
    this.#max = max;
    this.#lines = lines;
  }

  /** @throws EndToEndError `key_store_invalid`; the errors of the store. */
  static async open(store: KeyStore, file: OwnFile, max: number = MAX_PINS): Promise<Pins> {
    const text = (await store.read(file.name)) ?? "";
    const pins = new Map<string, Pin>();
    const { lines, isCut } = readLines(text);
    for (const [index, line] of lines.entries()) {
      if (index === 0 && isOwner(line, file, placeOf(store, file.name))) continue;
      const pin = readPin(line);
      if (pin === undefined)
        throw damaged(placeOf(store, file.name), index, "It has the keys of other agents: without them, replaced keys would be accepted");
      pins.delete(pin.did);
      if (Object.keys(pin.keys).length > 0) pins.set(pin.did, pin);
    }
    const opened = new Pins(store, file, pins, { max, lines: lines.length });
    if (lines.length > 2 * pins.size + SPARE_LINES || isCut) await opened.#rewrite(pins);
    return opened;
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    await this.#writing.catch(ignore);
  }

  /**
   * Compares a document with the keys that are remembered, and remembers those of an unknown DID. Calls for one DID must not overlap.
   *
   * @throws EndToEndError `key_changed`, `too_many_peers`; the errors of the store.
   */
  async check(document: DidDocument): Promise<void> {
    const { id: did } = document;
    const pin = this.#pins.get(did);
    const keys = fingerprintsOf(document);
    const agent = agentOf(document);
    if (pin === undefined) return this.#append({ did, keys, ...(agent && { agent }) });
    if (pin.agent === undefined) {
      if (!isCovered(keys, pin.keys)) throw changed(did, "its document has keys that were not there before");
      return;
    }
    if (agent === undefined) throw changed(did, "the keys of its agent are gone from its document");
    if (agent.sequence < pin.agent.sequence) throw changed(did, "its document has older keys than before");
    const known = { keys: { ...pin.keys }, former: { ...pin.former } };
    const reached = await follow(document, pin.agent, known);
    if (!isSame(reached, agent)) throw changed(did, "the former key has not signed the present one");
    if (!isCovered(keys, known.keys)) throw changed(did, "its document has a key that no rotation names");
    const now = Date.now() - GRACE_MS;
    if (Object.keys(keys).some((id) => (known.former[id] ?? now) < now))
      throw changed(did, "its document has a replaced key that has expired");
    if (reached.sequence === pin.agent.sequence) return;
    const former = Object.fromEntries(Object.entries(known.former).filter(([id]) => keys[id] !== undefined));
    await this.#append({ ...pin, keys, agent, former });
  }

  /** Notes that this agent has begun to send to a DID whose keys are remembered. */
  async contacted(did: string): Promise<void> {
    const pin = this.#pins.get(did);
    if (pin !== undefined && pin.isContact !== true) await this.#append({ ...pin, isContact: true });
  }

  /** Forgets the keys of a DID: the next ones are accepted whatever they are. */
  async forget(did: string): Promise<void> {
    if (this.#pins.has(did)) await this.#append({ did, keys: {} });
  }

  /** Remembers a pin. One without keys is forgotten. */
  #append(pin: Pin): Promise<void> {
    this.#writing = this.#writing.catch(ignore).then(() => this.#write(pin));
    return this.#writing;
  }

  async #write(pin: Pin): Promise<void> {
    const isForgotten = Object.keys(pin.keys).length === 0;
    if (!isForgotten && !this.#pins.has(pin.did) && this.#pins.size >= this.#max) await this.#write({ did: this.#oldest(), keys: {} });
    if (this.#isCut || this.#lines >= 2 * this.#max + SPARE_LINES) {
      const pins = new Map(this.#pins).set(pin.did, pin);
      if (isForgotten) pins.delete(pin.did);
      await this.#rewrite(pins);
    } else {
      this.#isCut = true;
      await this.#store.append(this.#file.name, `${this.#lines === 0 ? ownerLine(this.#file) : ""}${JSON.stringify(pin)}\n`);
      this.#isCut = false;
      this.#lines += 1;
    }
    if (isForgotten) this.#pins.delete(pin.did);
    else this.#pins.set(pin.did, pin);
  }

  /** The DID whose keys are forgotten first. @throws EndToEndError `too_many_peers` */
  #oldest(): string {
    for (const { did, isContact } of this.#pins.values()) if (isContact !== true) return did;
    const why = `The keys of ${this.#max} other agents are remembered: trustKeys of one of them forgets its keys`;
    throw new EndToEndError("too_many_peers", why);
  }

  async #rewrite(pins: ReadonlyMap<string, Pin>): Promise<void> {
    const lines = Array.from(pins.values(), (pin) => `${JSON.stringify(pin)}\n`);
    await this.#store.write(this.#file.name, ownerLine(this.#file) + lines.join(""));
    this.#isCut = false;
    this.#lines = pins.size + 1;
  }
}

/** 60 digits that two people can compare: the keys of a document, in groups of five. */
export function fingerprintOf(document: DidDocument): string {
  const agent = agentOf(document);
  const keys = agent === undefined ? Object.values(fingerprintsOf(document)).toSorted().join(" ") : `${agent.signing} ${agent.agreement}`;
  const digest = createHash("sha512").update(`${document.id} ${keys}`).digest();
  const groups = Array.from({ length: 12 }, (_, index) => String(digest.readUIntBE(index * 5, 5) % 100_000).padStart(5, "0"));
  return groups.join(" ");
}

/** Follows the rotations of a document from the remembered keys on, and adds their keys to the known ones. */
async function follow(
  document: DidDocument,
  from: AgentState,
  known: { readonly keys: Record<string, string>; readonly former: Record<string, number> },
): Promise<AgentState> {
  let state = from;
  for (const text of document.keyRotations ?? []) {
    try {
      if (peekKeyStatement(text).sequence <= state.sequence) continue;
      // Each is signed with the key of the one before.
      // oxlint-disable-next-line no-await-in-loop
      const { did, sequence, signing, agreement, formerUntil = 0 } = await verifyKeyStatement(text, state);
      if (did !== document.id || sequence !== state.sequence + 1) break;
      const replaced = agentKids(did, state);
      for (const kid of [replaced.signing, replaced.agreement]) known.former[kid] = formerUntil;
      state = { sequence, signing, agreement };
    } catch {
      break;
    }
    const [kids, jwks] = [agentKids(document.id, state), agentJwks(state)];
    known.keys[kids.signing] = fingerprint(jwks.signing);
    known.keys[kids.agreement] = fingerprint(jwks.agreement);
  }
  return state;
}

/** The keys of an agent that holds them itself: the first ones of the document, if their ids are those of such an agent. */
function agentOf(document: DidDocument): AgentState | undefined {
  const [signing, agreement] = [document.authentication[0], document.keyAgreement[0]].map((id) => keyOf(document, id)?.x);
  if (signing === undefined || agreement === undefined) return undefined;
  const kids = agentKids(document.id, { signing, agreement });
  if (kids.signing !== document.authentication[0] || kids.agreement !== document.keyAgreement[0]) return undefined;
  return { signing, agreement, sequence: sequenceOf(document) };
}

function sequenceOf({ keyRotations = [] }: DidDocument): number {
  const last = keyRotations.at(-1);
  if (last === undefined) return 0;
  try {
    return peekKeyStatement(last).sequence;
  } catch {
    return 0;
  }
}

function fingerprintsOf(document: DidDocument): Record<string, string> {
  const prints: Record<string, string> = {};
  for (const { id } of document.verificationMethod) {
    const key = keyOf(document, id);
    if (key !== undefined) prints[id] = fingerprint(key);
  }
  return prints;
}

/** @returns `undefined` for keys of an unknown kind, which are not used. */
function keyOf(document: DidDocument, id: string | undefined): PublicJwk | undefined {
  const method = document.verificationMethod.find((one) => one.id === id);
  try {
    return method && publicKeyJwk(method);
  } catch {
    return undefined;
  }
}

function fingerprint(key: PublicJwk): string {
  return `${key.crv} ${key.x}${key.kty === "EC" ? ` ${key.y}` : ""}`;
}

function isCovered(keys: Readonly<Record<string, string>>, known: Readonly<Record<string, string>>): boolean {
  return Object.entries(keys).every(([id, print]) => known[id] === print);
}

function isSame(one: AgentState, other: AgentState): boolean {
  return one.sequence === other.sequence && one.signing === other.signing && one.agreement === other.agreement;
}

function changed(did: string, why: string): EndToEndError {
  return new EndToEndError(
    "key_changed",
    `The keys of ${did} have changed: ${why}. An attacker may be able to read along. Ask its owner for the fingerprint; trustKeys accepts the keys`,
  );
}

function readPin(line: string): Pin | undefined {
  try {
    const pin: unknown = JSON.parse(line);
    if (!isJsonObject(pin) || typeof pin["did"] !== "string" || !isJsonObject(pin["keys"])) return undefined;
    const { keys, agent } = pin;
    if (!Object.values(keys).every((print) => typeof print === "string")) return undefined;
    if (agent !== undefined && !(isJsonObject(agent) && typeof agent["signing"] === "string" && typeof agent["sequence"] === "number"))
      return undefined;
    return pin as unknown as Pin;
  } catch {
    return undefined;
  }
}

function ignore(): void {}
