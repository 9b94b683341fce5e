import { createHash } from "node:crypto";
import type { JsonObject } from "@parley/core";
import { isJsonArray } from "@parley/core/internal";
import { BitstringStatusList, signCredential, type SigningKey } from "@parley/vc";
import { BoundedMap } from "../../bounded-map.ts";
import type { ListPurpose } from "./status-block.ts";
import { type StatusLists, type StatusPlace, unknownStatus } from "./status-lists.ts";

/** Path of the published lists, followed by the id and the purpose. */
export const STATUS_LISTS_PATH = "/status-lists";

/** Options of {@link StatusListPublisher}. */
export interface StatusListPublisherOptions {
  readonly lists: StatusLists;
  /** The issuer's signing key; `undefined` if the node no longer hosts it. */
  keyOf(issuer: string): Promise<SigningKey | undefined>;
  /** Public URL of the node, without a slash at its end. */
  origin(): string;
  /** Longest time until verifiers know a change, in milliseconds. */
  readonly ttlMs: number;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

/** A signed status list. */
export interface PublishedList {
  /** The status list credential, a `compact_jwt`. */
  readonly text: string;
  readonly etag: string;
  /** How long HTTP caches may use it, in seconds. */
  readonly maxAgeSeconds: number;
}

interface CachedList {
  readonly version: number;
  readonly url: string;
  readonly renewAt: number;
  readonly signing: Promise<PublishedList | undefined>;
}

const PURPOSES: readonly ListPurpose[] = ["revocation", "suspension"];
/** How long a signed list is valid. It is signed again after half of that, or when it changes. */
const VALIDITY_MS = 24 * 60 * 60_000;
/** Signed lists in memory, of up to 30 KiB. */
const MAX_CACHED = 1000;
const PATH = new RegExp(String.raw`^.*${STATUS_LISTS_PATH}/([\w-]{22})/(revocation|suspension)$`);

/** Signs and caches the status lists of issuers, as Bitstring Status List credentials. */
export class StatusListPublisher {
  readonly #options: StatusListPublisherOptions;
  readonly #cached = new BoundedMap<string, CachedList>(MAX_CACHED);

  constructor(options: StatusListPublisherOptions) {
    this.#options = options;
  }

  /** The `credentialStatus` of a credential: one entry for each purpose. */
  entriesFor({ list, index }: StatusPlace): readonly JsonObject[] {
    return PURPOSES.map((statusPurpose) =>
      BitstringStatusList.create({ id: this.#urlOf(list, statusPurpose), statusPurpose }).statusEntry(index),
    );
  }

  /** The URLs of a list. */
  urlsOf(list: string): readonly string[] {
    return PURPOSES.map((purpose) => this.#urlOf(list, purpose));
  }

  /** The signed list; `undefined` for an unknown id or purpose. */
  async read(list: string, purpose: string): Promise<PublishedList | undefined> {
    const known = this.#options.lists.describe(list);
    if (known === undefined || !isPurpose(purpose)) return undefined;
    const { now = Date.now } = this.#options;
    const { issuer, version } = known;
    const [url, key] = [this.#urlOf(list, purpose), `${list}/${purpose}`];
    const cached = this.#cached.get(key);
    if (cached?.version === version && cached.url === url && now() < cached.renewAt) return cached.signing;
    const signing = this.#sign(list, purpose, issuer);
    this.#cached.set(key, { version, url, renewAt: now() + VALIDITY_MS / 2, signing });
    try {
      return await signing;
    } catch (error) {
      this.#cached.delete(key);
      throw error;
    }
  }

  /** The signed list at a URL of this node; `undefined` for any other URL. */
  async readUrl(url: string): Promise<PublishedList | undefined> {
    const [, list = "", purpose = ""] = PATH.exec(url) ?? [];
    return isPurpose(purpose) && url === this.#urlOf(list, purpose) ? this.read(list, purpose) : undefined;
  }

  #urlOf(list: string, purpose: ListPurpose): string {
    return `${this.#options.origin()}${STATUS_LISTS_PATH}/${list}/${purpose}`;
  }

  async #sign(list: string, statusPurpose: ListPurpose, issuer: string): Promise<PublishedList | undefined> {
    const { lists, keyOf, ttlMs, now = Date.now } = this.#options;
    const key = await keyOf(issuer);
    if (key === undefined) return undefined;
    const bits = BitstringStatusList.create({ id: this.#urlOf(list, statusPurpose), statusPurpose });
    for (const index of lists.entries(list, statusPurpose)) bits.set(index, true);
    // HTTP caches and verifiers each use a list for half of the time.
    const ttl = Math.floor(ttlMs / 2);
    const validUntil = new Date(now() + VALIDITY_MS).toISOString();
    const text = await signCredential(await bits.toCredential({ ttl, validUntil }), { key, now });
    const etag = `"${createHash("sha256").update(text).digest("base64url")}"`;
    return { text, etag, maxAgeSeconds: Math.floor(ttl / 1000) };
  }
}

/**
 * The place that the `credentialStatus` of a credential names. The origin is not compared: it may have changed since.
 *
 * @throws CredentialError `status_unknown`
 */
export function placeOf(credentialStatus: JsonObject[string]): StatusPlace {
  const entries = isJsonArray(credentialStatus) ? credentialStatus : [credentialStatus];
  const places = entries.flatMap((entry) => readEntry(entry) ?? []);
  const [place] = places;
  if (place === undefined || places.some(({ list, index }) => list !== place.list || index !== place.index)) throw unknownStatus();
  return place;
}

function readEntry(entry: JsonObject[string]): StatusPlace | undefined {
  if (typeof entry !== "object" || entry === null) return undefined;
  const { statusListCredential: url, statusListIndex: index } = entry as JsonObject;
  const [, list] = typeof url === "string" ? (PATH.exec(url) ?? []) : [];
  return list === undefined || typeof index !== "string" || !/^\d{1,6}$/.test(index) ? undefined : { list, index: Number(index) };
}

function isPurpose(text: string): text is ListPurpose {
  return (PURPOSES as readonly string[]).includes(text);
}
