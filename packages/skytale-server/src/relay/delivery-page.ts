import { encodeDelivery } from "@parley/skytale-relay/internal";
import type { Appended } from "../log/channel-log.ts";
import { costOf, DELIVERY_BYTES, DELIVERY_MESSAGES } from "./relay-limits.ts";

/** Messages that follow one another, to be delivered together. Encoded once, however many subscribers there are. */
export class DeliveryPage {
  readonly first: number;
  readonly bodies: readonly Uint8Array[];
  readonly bytes: number;
  readonly cost: number;
  /** By subscription id: most clients use the same few. */
  readonly #frames = new Map<number, Uint8Array>();

  constructor(first: number, bodies: readonly Uint8Array[]) {
    this.first = first;
    this.bodies = bodies;
    this.bytes = bodies.reduce((sum, { length }) => sum + length, 0);
    this.cost = bodies.reduce((sum, body) => sum + costOf(body), 0);
  }

  /** The sequence that comes after this page. */
  get next(): number {
    return this.first + this.bodies.length;
  }

  /** A frame that delivers the page. */
  frame(subscription: number): Uint8Array {
    const known = this.#frames.get(subscription);
    if (known !== undefined) return known;
    const frame = encodeDelivery({ subscription, cost: this.cost, first: this.first, messages: this.bodies });
    if (this.#frames.size < 4) this.#frames.set(subscription, frame);
    return frame;
  }

  /** As much of the page as some credit allows: one message more than it covers, unless it covers all. The page itself when that is all. */
  within(credit: number): DeliveryPage | undefined {
    if (credit <= 0) return undefined;
    if (this.cost <= credit) return this;
    let cost = 0;
    let count = 0;
    while (count < this.bodies.length && cost < credit) cost += costOf(this.bodies[count++] as Uint8Array);
    return count === this.bodies.length ? this : new DeliveryPage(this.first, this.bodies.slice(0, count));
  }
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
