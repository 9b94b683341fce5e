import type { OutboundLimits } from "./outbound-limits.ts";

/** The parts of a message that are counted. */
interface Counted {
  readonly sender: string;
  readonly recipient: string;
  readonly length: number;
}

interface Usage {
  messages: number;
  length: number;
}

const WEB = "did:web:";

/** Limits the waiting messages of one sender, one owner and one host. */
export class Quota {
  readonly #limits: OutboundLimits;
  readonly #senders = new Map<string, Usage>();
  readonly #hosts = new Map<string, Usage>();
  readonly #owners = new Map<string, Usage>();
  /** Owners of senders with waiting messages, kept because a sender may be removed before its messages are. */
  readonly #ownerOfSender = new Map<string, string>();
  readonly #ownerOf: (sender: string) => string | undefined;
  readonly #total: Usage = { messages: 0, length: 0 };

  /** @param ownerOf returns the owner of a sender, whose senders share limits. */
  constructor(limits: OutboundLimits, ownerOf: (sender: string) => string | undefined = () => undefined) {
    this.#limits = limits;
    this.#ownerOf = ownerOf;
  }

  get total(): Readonly<Usage> {
    return this.#total;
  }

  waiting(sender: string): number {
    return this.#senders.get(sender)?.messages ?? 0;
  }

  /** @param share share of the limits that may be used. */
  hasRoom({ sender, recipient, length }: Counted, share: number): boolean {
    const { maxMessagesPerSender, maxLengthPerSender, maxMessagesPerHost, maxLengthPerHost } = this.#limits;
    const { maxMessagesPerOwner, maxLengthPerOwner } = this.#limits;
    const owner = this.#ownerOfSender.get(sender) ?? this.#ownerOf(sender);
    const ofOwner = owner === undefined ? undefined : this.#owners.get(owner);
    return (
      fits(ofOwner, length, share * maxMessagesPerOwner, share * maxLengthPerOwner) &&
      fits(this.#senders.get(sender), length, share * maxMessagesPerSender, share * maxLengthPerSender) &&
      fits(this.#hosts.get(hostOf(recipient)), length, share * maxMessagesPerHost, share * maxLengthPerHost)
    );
  }

  take({ sender, recipient, length }: Counted): void {
    const owner = this.#ownerOfSender.get(sender) ?? this.#ownerOf(sender);
    if (owner !== undefined) {
      this.#ownerOfSender.set(sender, owner);
      change(this.#owners, owner, 1, length);
    }
    change(this.#senders, sender, 1, length);
    change(this.#hosts, hostOf(recipient), 1, length);
    this.#total.messages += 1;
    this.#total.length += length;
  }

  give({ sender, recipient, length }: Counted): void {
    change(this.#senders, sender, -1, -length);
    const owner = this.#ownerOfSender.get(sender);
    if (owner !== undefined) change(this.#owners, owner, -1, -length);
    if (!this.#senders.has(sender)) this.#ownerOfSender.delete(sender);
    change(this.#hosts, hostOf(recipient), -1, -length);
    this.#total.messages -= 1;
    this.#total.length -= length;
  }
}

/** The unit by which hosts are limited: the host of a did:web DID, otherwise the DID itself. */
export function hostOf(did: string): string {
  if (!did.startsWith(WEB)) return did;
  const end = did.indexOf(":", WEB.length);
  const host = end === -1 ? did : did.slice(0, end);
  return host === WEB ? did : host.toLowerCase();
}

function fits(usage: Usage | undefined, length: number, maxMessages: number, maxLength: number): boolean {
  return (usage?.messages ?? 0) < maxMessages && (usage?.length ?? 0) + length <= maxLength;
}

function change(usages: Map<string, Usage>, key: string, messages: number, length: number): void {
  const usage = usages.get(key) ?? { messages: 0, length: 0 };
  usage.messages += messages;
  usage.length += length;
  if (usage.messages > 0) usages.set(key, usage);
  else usages.delete(key);
}
