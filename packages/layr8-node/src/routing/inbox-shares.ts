/** Who has how many of an inbox' messages, as far as counted. */
interface Holder {
  count: number;
}

interface Box {
  readonly holders: Map<string, Holder>;
  /** The senders' owners of the latest messages, oldest first from `start`. */
  latest: Holder[];
  start: number;
}

/** The part of an inbox below which nobody is counted, and the one that is kept for owners that have no message in it. */
const UNCOUNTED = 1 / 8;
const RESERVED = 1 / 8;
/** The part that the messages of one owner may fill: an API key, or another node's host; and an address of senders without a host. */
const PER_OWNER = 3 / 4;
const PER_STRANGER = 1 / 4;

/**
 * Keeps one sender from filling an inbox for all others. Counted are the latest messages of inboxes that are an eighth full: as many as wait
 * there, which are those that wait, since messages leave in about the order in which they came. After a start the count begins with 0.
 */
export class InboxShares {
  readonly #max: number;
  readonly #boxes = new Map<string, Box>();

  /** @param max messages of one inbox. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Whether an inbox takes one more message of an owner. `waiting` is how many messages wait there. */
  hasRoom(recipient: string, owner: string, waiting: number): boolean {
    const uncounted = Math.floor(this.#max * UNCOUNTED);
    if (waiting < uncounted) {
      this.#boxes.delete(recipient);
      return true;
    }
    const box = this.#boxes.get(recipient);
    if (box !== undefined) trim(box, waiting);
    const held = box?.holders.get(owner)?.count ?? 0;
    if (held > 0 && waiting >= this.#max - Math.floor(this.#max * RESERVED)) return false;
    const share = isStranger(owner) ? PER_STRANGER : PER_OWNER;
    return held < Math.max(1, Math.ceil(this.#max * share) - uncounted);
  }

  /** A message of an owner has its place in an inbox, in which `waiting` messages wait now. */
  stored(recipient: string, owner: string, waiting: number): void {
    if (waiting <= Math.floor(this.#max * UNCOUNTED)) return;
    const box = this.#boxes.get(recipient) ?? { holders: new Map<string, Holder>(), latest: [], start: 0 };
    this.#boxes.set(recipient, box);
    const holder = box.holders.get(owner) ?? { count: 0 };
    box.holders.set(owner, holder);
    holder.count += 1;
    box.latest.push(holder);
  }

  /** Called every second: forgets inboxes that have room for everybody again. */
  sweep(waitingIn: (recipient: string) => number): void {
    for (const recipient of this.#boxes.keys()) {
      if (waitingIn(recipient) < Math.floor(this.#max * UNCOUNTED)) this.#boxes.delete(recipient);
    }
  }
}

/** Forgets the oldest messages beyond those that wait. */
function trim(box: Box, waiting: number): void {
  for (; box.latest.length - box.start > waiting; box.start += 1) {
    const holder = box.latest[box.start];
    if (holder !== undefined) holder.count -= 1;
  }
  if (box.start * 2 < box.latest.length) return;
  box.latest = box.latest.slice(box.start);
  box.start = 0;
  for (const [owner, { count }] of box.holders) if (count === 0) box.holders.delete(owner);
}

/** Owners are ids of API keys, hosts of did:web senders, or addresses. */
function isStranger(owner: string): boolean {
  return /^[\d.]+$|^(?:[\da-f]{1,4}:){3}[\da-f]{1,4}$/.test(owner);
}
