import { encodeDelivery, encodeEvicted } from "@parley/skytale-relay/internal";
import type { Appended, EvictedRun } from "../log/channel-log.ts";
import { costOf, DELIVERY_BYTES, DELIVERY_MESSAGES } from "./relay-limits.ts";

/** Messages that follow one another, to be delivered together. Encoded once, however many subscribers there are. */
export class DeliveryPage {
  readonly first: number;
  /** The sequence that comes after this page. */
  readonly next: number;
  /** Messages, and markers in place of evicted ones. */
  readonly messages: readonly Uint8Array[];
  readonly bytes: number;
  readonly cost: number;
  readonly #entries: readonly (Uint8Array | EvictedRun)[];
  /** By subscription id: most clients use the same few. */
  readonly #frames = new Map<number, Uint8Array>();

  constructor(first: number, entries: readonly (Uint8Array | EvictedRun)[]) {
    this.first = first;
    this.#entries = entries;
    this.next = entries.reduce((sum, entry) => sum + countOf(entry), first);
    this.messages = entries.map((entry) => (entry instanceof Uint8Array ? entry : encodeEvicted(entry.evicted)));
    this.bytes = this.messages.reduce((sum, { length }) => sum + length, 0);
    this.cost = this.messages.reduce((sum, message) => sum + costOf(message), 0);
  }

  /** A frame that delivers the page. */
  frame(subscription: number): Uint8Array {
    const known = this.#frames.get(subscription);
    if (known !== undefined) return known;
    const { cost, first, messages, next } = this;
    const batch = { subscription, cost, first, messages };
    const frame = encodeDelivery(next === first + messages.length ? batch : { ...batch, next });
    if (this.#frames.size < 4) this.#frames.set(subscription, frame);
    return frame;
  }

  /** As much of the page as some credit allows: one message more than it covers, unless it covers all. The page itself when that is all. */
  within(credit: number): DeliveryPage | undefined {
    if (credit <= 0) return undefined;
    if (this.cost <= credit) return this;
    let cost = 0;
    let count = 0;
    while (count < this.messages.length && cost < credit) cost += costOf(this.messages[count++] as Uint8Array);
    return count === this.messages.length ? this : new DeliveryPage(this.first, this.#entries.slice(0, count));
  }
}

/** How many sequences an entry of a page stands for. */
function countOf(entry: Uint8Array | EvictedRun): number {
  return entry instanceof Uint8Array ? 1 : entry.evicted;
}

/** Divides what was appended together into pages of a size to be sent. */
export function pagesOf({ first, bodies }: Appended): DeliveryPage[] {
  const pages: DeliveryPage[] = [];
  let start = 0;
  let bytes = 0;
  for (const [index, body] of bodies.entries()) {
    if (index > start && (bytes + body.length > DELIVERY_BYTES || index - start >= DELIVERY_MESSAGES)) {
      pages.push(new DeliveryPage(first + start, bodies.slice(start, index)));
      start = index;
      bytes = 0;
    }
    bytes += body.length;
  }
  pages.push(new DeliveryPage(first + start, start === 0 ? bodies : bodies.slice(start)));
  return pages;
}
