import {
  decodePlaintext,
  encodePlaintext,
  isJsonObject,
  NodeTransportError,
  ParleyError,
  parseMessageType,
  replyTo,
  type Connection,
  type ConnectionEvents,
  type Delivery,
  type JsonObject,
  type JsonValue,
  type Message,
  type Outcome,
  type SendOptions,
  type SendReceipt,
} from "@parley/core";
import { asksForReceipts, AsyncQueue, ChurnMap, KeyedMutex, RECEIPT, SEALED_TIME, sleep } from "@parley/core/internal";
import {
  createDidcommCrypto,
  DidcommCryptoError,
  receiptDigest,
  unwrapEnvelope,
  wrapEnvelope,
  WRAPPER_TYPE,
  type DidcommCrypto,
  type Unpacked,
} from "@parley/didcomm-crypto";
import { didOf } from "@parley/did";
import { AgentReceipts, type ReceivedMessage } from "./agent-receipts.ts";
import { attemptOf, contextOf } from "./delivery-context.ts";
import { EndToEndError } from "./end-to-end-error.ts";
import type { Keyring } from "./keyring.ts";
import type { PinnedResolver } from "./pinned-resolver.ts";
import { REFUSALS } from "./refusals.ts";
import type { GuardedMessage, ReplayGuard } from "./replay-guard.ts";
import { senderCredentialsOf, type CredentialVerifier } from "./sender-credentials.ts";

const PROBLEM_REPORT = "https://didcomm.org/report-problem/2.0/problem-report";
/** Ids of sent messages, and of their wrappers, that are remembered, so that reports of nodes find their threads. */
const MAX_SENT = 20_000;
/** Messages that are decrypted at a time. A node could send any number. */
const MAX_OPENING = 1000;
/** How far the node's clock may correct this machine's, in milliseconds. A node must not decide when messages expire. */
const MAX_CORRECTION_MS = 10 * 60_000;
/** How long `close` waits for the receipts of handled messages, in milliseconds. Others are made after the next connect. */
const CLOSE_GRACE_MS = 2000;
const UNSUPPORTED = "e.p.msg.unsupported";
const HANDLED: Outcome = { status: "handled" };

/** What an {@link EncryptedConnection} needs. */
export interface EncryptedConnectionParts {
  readonly keyring: Keyring;
  readonly resolver: PinnedResolver;
  readonly guard: ReplayGuard;
  readonly verifier: CredentialVerifier;
  readonly events: Pick<ConnectionEvents, "onFault">;
}

interface OpenedMessage extends Unpacked {
  readonly sender: string;
  /** Of the envelope. */
  readonly tag: string;
}

/** A connection whose messages are encrypted from agent to agent. The connection inside carries only envelopes. */
export class EncryptedConnection implements Connection {
  readonly deliveries: AsyncQueue<Delivery> = new AsyncQueue();
  readonly #inner: Connection;
  readonly #parts: EncryptedConnectionParts;
  readonly #crypto: DidcommCrypto;
  /** Messages to one recipient keep their order. */
  readonly #sending = new KeyedMutex();
  /** Messages of one sender keep their order; others do not wait while a sender's document is fetched. */
  readonly #opening = new KeyedMutex();
  /** Threads of sent messages, by the id of their wrapper, and by themselves: a node that holds the recipient's keys knows them. */
  readonly #sent = new ChurnMap<string, string>();
  readonly #receipts: AgentReceipts;
  /** Messages that are being settled. */
  readonly #settling = new Set<Promise<void>>();

  constructor(inner: Connection, parts: EncryptedConnectionParts) {
    const { keyring, resolver } = parts;
    this.#inner = inner;
    this.#parts = parts;
    this.#crypto = createDidcommCrypto({ resolver, privateKey: (kid) => keyring.privateKey(kid) });
    this.#receipts = new AgentReceipts({
      keyring,
      send: (receipt) => this.send(receipt),
      onFailure: (error) => parts.events.onFault(error, undefined),
    });
    void this.#receive();
  }

  get did(): string {
    return this.#inner.did;
  }

  get connected(): boolean {
    return this.#inner.connected;
  }

  get tookOver(): boolean {
    return this.#inner.tookOver === true;
  }

  get announcesWalletChanges(): boolean {
    return this.#inner.announcesWalletChanges === true;
  }

  get publishesKeys(): boolean {
    return this.#inner.publishesKeys === true;
  }

  get clockOffsetMs(): number {
    return this.#inner.clockOffsetMs ?? 0;
  }

  async publishKeys(keys: JsonObject): Promise<void> {
    await this.#inner.publishKeys?.(keys);
  }

  /** Encrypts a message for each recipient, and sends the envelopes. */
  async send(plaintext: JsonObject, options: SendOptions = {}): Promise<SendReceipt> {
    if (!this.connected) throw new NodeTransportError("not_connected", "The link to the node is down");
    const { message } = decodePlaintext(plaintext);
    const recipients = new Set(message.to.map((entry) => didOf(entry) ?? entry));
    const receipts = await Promise.all(Array.from(recipients, (to) => this.#sendTo(plaintext, message, to, options)));
    const away = receipts.flatMap((receipt) => receipt.away ?? []);
    return away.length === 0 ? {} : { away };
  }

  async close(): Promise<void> {
    if (this.connected && this.#settling.size > 0) await this.#settled();
    await this.#inner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #sendTo(plaintext: JsonObject, message: Message, to: string, options: SendOptions): Promise<SendReceipt> {
    const { signal } = options;
    // Pushed in order; the answers of the node are awaited together.
    const { pushed } = await this.#sending.run(to, async () => {
      const packed = await this.#pack(plaintext, to, signal);
      // Anyone can cause responses, reports and receipts: their senders do not become contacts, whose keys are kept when those of others are forgotten.
      if (isFirst(message)) await this.#parts.resolver.contacted(to);
      const wrapper = wrapEnvelope(JSON.parse(packed) as JsonObject, { from: this.did, to, expiresTime: message.expiresTime });
      this.#remember(wrapper.id, message.threadId ?? message.id);
      return { pushed: this.#inner.send(encodePlaintext(wrapper), options) };
    });
    return pushed;
  }

  async #pack(plaintext: JsonObject, to: string, signal: AbortSignal | undefined): Promise<string> {
    const sealed = JSON.stringify({ typ: "application/didcomm-plain+json", ...plaintext, [SEALED_TIME]: Date.now() / 1000 });
    try {
      return await this.#crypto.pack(sealed, { from: this.did, to, ...(signal && { signal }) });
    } catch (error) {
      signal?.throwIfAborted();
      const failure = endToEndCause(error);
      if (failure !== undefined) throw failure;
      if (!(error instanceof DidcommCryptoError)) throw error;
      const { message, retryable } = error;
      throw new EndToEndError("recipient_unresolved", `Nothing can be encrypted for ${to}: ${message}`, { cause: error, retryable });
    }
  }

  #remember(wrapperId: string, thread: string): void {
    for (const id of [wrapperId, thread]) this.#sent.set(id, thread);
    for (const [oldest] of this.#sent) {
      if (this.#sent.size <= MAX_SENT) return;
      this.#sent.delete(oldest);
    }
  }

  async #receive(): Promise<void> {
    let started = 0;
    try {
      for await (const delivery of this.#inner.deliveries) {
        const outer = isJsonObject(delivery.plaintext) ? delivery.plaintext : {};
        if (outer["type"] !== WRAPPER_TYPE) {
          this.#takeReadable(delivery, outer);
          continue;
        }
        void this.#opening.run(textOf(outer["from"]), () => this.#open(delivery, outer));
        // In the order of their arrival.
        // oxlint-disable-next-line no-await-in-loop
        if (++started % MAX_OPENING === 0) await this.#opening.idle();
      }
      this.deliveries.end();
    } catch (error) {
      this.deliveries.fail(error);
    }
  }

  /** A message in the clear comes from the node. It may report what became of a message, and nothing else. */
  #takeReadable(delivery: Delivery, outer: JsonObject): void {
    if (parseMessageType(textOf(outer["type"]))?.protocolName !== "report-problem") {
      const from = typeof outer["from"] === "string" ? ` in the name of ${outer["from"]}` : "";
      return this.#reject(delivery, new EndToEndError("not_encrypted", `The node has delivered a message that is not encrypted${from}`));
    }
    const thread = this.#sent.get(textOf(outer["pthid"])) ?? this.#sent.get(textOf(outer["thid"]));
    const { thid: _thid, pthid: _pthid, ...report } = outer;
    // The agent itself stands for its node, which can't prove another sender.
    const plaintext = { ...report, from: this.did, to: [this.did], ...(thread !== undefined && { thid: thread, pthid: thread }) };
    this.deliveries.push({
      plaintext,
      context: contextOf(delivery, this.did, []),
      acknowledge: "outcome",
      settle: (outcome) => delivery.settle(outcome),
    });
  }

  /** Never rejects. */
  async #open(delivery: Delivery, outer: JsonObject): Promise<void> {
    try {
      const unpacked = await this.#unpack(outer, attemptOf(delivery));
      if (unpacked instanceof EndToEndError) return this.#reject(delivery, unpacked);
      const { message, sender, plaintext } = unpacked;
      const digest = asksForReceipts(message) ? receiptDigest(plaintext) : undefined;
      const received: ReceivedMessage = { message, sender, tag: unpacked.tag, attempt: attemptOf(delivery), digest };
      const json = JSON.parse(plaintext) as Record<string, JsonValue>;
      const sealed = json[SEALED_TIME];
      delete json[SEALED_TIME];
      const guarded: GuardedMessage = { sender, id: message.id, sealedTime: typeof sealed === "number" ? sealed : undefined };
      const freshness = isReceipt(message) ? "new" : this.#parts.guard.check(guarded);
      if (freshness === "handled") {
        // It may not be written yet, and a crash or the end of the link may have come before its receipt.
        await this.#parts.guard.record(guarded);
        const { failure, digest: handled } = this.#parts.guard.outcomeOf(guarded);
        // Not of this text: the sender may have sent another one under the same id.
        return await this.#end(delivery, { ...received, digest: handled }, failure);
      }
      if (freshness === "too_old") {
        await this.#refuse(message, "e.p.msg.too-old", "The message is older than others that are no longer remembered");
        return this.#reject(
          delivery,
          new EndToEndError("too_old", `A message of ${sender} is older than others that are no longer remembered`),
        );
      }
      if (message.expiresTime !== undefined && message.expiresTime * 1000 <= this.#now()) {
        const expired = new EndToEndError("expired", `A message of ${sender} expired before it was delivered`);
        return await this.#fail(delivery, received, {
          code: "e.p.msg.expired",
          comment: "The message expired before it was delivered",
          cause: expired,
        });
      }
      const credentials = await this.#credentialsOf(message, sender);
      if (credentials instanceof EndToEndError) {
        const { message: comment } = credentials;
        return await this.#fail(delivery, received, { code: "e.p.trust.presentation", comment, cause: credentials });
      }
      this.deliveries.push({
        plaintext: json,
        context: contextOf(delivery, this.did, credentials),
        acknowledge: "outcome",
        settle: (outcome) => this.#settle(delivery, { guarded, received }, outcome),
      });
      void this.#receipts.delivered(received);
    } catch (error) {
      // It is not acknowledged, so the node delivers it again.
      this.#parts.events.onFault(ParleyError.from(error), undefined);
    }
  }

  /** Decrypts a message, and verifies its sender. @throws what another try may not throw. */
  async #unpack(outer: JsonObject, attempt: number): Promise<OpenedMessage | EndToEndError> {
    const from = typeof outer["from"] === "string" ? outer["from"] : undefined;
    let unpacked: Unpacked;
    let tag: string;
    try {
      const envelope = unwrapEnvelope(decodePlaintext(outer).message);
      if (envelope === undefined) return new EndToEndError("undecryptable", "The node has delivered a message without an envelope");
      unpacked = await this.#crypto.unpack(JSON.stringify(envelope));
      tag = textOf(envelope["tag"]);
    } catch (error) {
      const failure = endToEndCause(error);
      if (failure !== undefined) return failure;
      const cause = ParleyError.from(error);
      const undecryptable = new EndToEndError("undecryptable", `A message can't be decrypted: ${cause.message}`, {
        cause,
        retryable: cause.retryable,
      });
      // The sender's new key may not be published yet: the node delivers the message again.
      if (cause.retryable || (cause.code === "key_not_found" && attempt < 2)) throw undecryptable;
      return undecryptable;
    }
    const { sender, metadata } = unpacked;
    if (sender === undefined || metadata.encryptedFromKid === undefined)
      return new EndToEndError("undecryptable", "A message does not prove its sender");
    if (sender !== from) {
      const named = from === undefined ? "none" : from;
      return new EndToEndError("sender_mismatch", `A message is of ${sender}, and the node has named ${named} as its sender`);
    }
    return { ...unpacked, sender, tag };
  }

  /** @throws what another try may not throw. */
  async #credentialsOf(message: Message, sender: string): Promise<readonly JsonObject[] | EndToEndError> {
    try {
      return await senderCredentialsOf(message, { sender, recipient: this.did }, this.#parts.verifier);
    } catch (error) {
      if (error instanceof EndToEndError && !error.retryable) return error;
      throw error;
    }
  }

  #settle(delivery: Delivery, about: { readonly guarded: GuardedMessage; readonly received: ReceivedMessage }, outcome: Outcome): void {
    const settling = this.#conclude(delivery, about, outcome).finally(() => this.#settling.delete(settling));
    this.#settling.add(settling);
  }

  /**
   * The message is remembered before its receipt is sent, and the node has accepted the receipt before the message is acknowledged. The node learns neither the
   * outcome nor its reason. Never rejects.
   */
  async #conclude(
    delivery: Delivery,
    { guarded, received }: { readonly guarded: GuardedMessage; readonly received: ReceivedMessage },
    outcome: Outcome,
  ): Promise<void> {
    const { message } = received;
    const failure = outcome.status === "pass" ? UNSUPPORTED : outcome.status === "error" ? outcome.code : undefined;
    try {
      if (outcome.status === "pass") await this.#refuse(message, UNSUPPORTED, `No handler takes ${message.type}`);
      if (!isReceipt(message))
        await this.#parts.guard.record(guarded, asksForReceipts(message) ? { failure, digest: received.digest } : {});
      await this.#end(delivery, received, failure);
    } catch (error) {
      this.#parts.events.onFault(ParleyError.from(error), undefined);
    }
  }

  /** Settles a message whose outcome is known, once its last receipt is accepted. */
  async #end(delivery: Delivery, received: ReceivedMessage, failure: string | undefined): Promise<void> {
    if (await this.#receipts.ended(received, failure)) delivery.settle(HANDLED);
  }

  /** Refuses a message of a proven sender. */
  async #fail(
    delivery: Delivery,
    received: ReceivedMessage,
    { code, comment, cause }: { readonly code: string; readonly comment: string; readonly cause: EndToEndError },
  ): Promise<void> {
    await this.#refuse(received.message, code, comment);
    if (await this.#receipts.ended(received, code)) this.#reject(delivery, cause);
  }

  async #settled(): Promise<void> {
    const abort = new AbortController();
    await Promise.race([Promise.all(this.#settling), sleep(CLOSE_GRACE_MS, abort.signal)]);
    abort.abort();
  }

  /** Reports to the sender, encrypted, why its message is not handled. */
  async #refuse(message: Message, code: string, comment: string): Promise<void> {
    if (message.from === undefined || isReceipt(message) || parseMessageType(message.type)?.protocolName === "report-problem") return;
    const thread = message.threadId ?? message.id;
    const report = replyTo(message, this.did, { type: PROBLEM_REPORT, parentThreadId: thread, body: { code, comment } });
    await this.send(encodePlaintext(report)).catch((error: unknown) => this.#parts.events.onFault(ParleyError.from(error), undefined));
  }

  /** A message that is not passed on. The node keeps it as a dead letter, if it keeps those. */
  #reject(delivery: Delivery, error: EndToEndError): void {
    delivery.settle({ status: "error", code: `e.p.msg.${error.code.replaceAll("_", "-")}`, message: REFUSALS[error.code] ?? "" });
    this.#parts.events.onFault(error, undefined);
  }

  #now(): number {
    const offset = this.clockOffsetMs;
    return Date.now() + Math.max(-MAX_CORRECTION_MS, Math.min(MAX_CORRECTION_MS, offset));
  }
}

/** The error of the resolver behind one of the crypto package. */
function endToEndCause(error: unknown): EndToEndError | undefined {
  if (error instanceof EndToEndError) return error;
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof EndToEndError ? cause : undefined;
}

/** Whether a message starts a thread. Receipts, which have none, are caused by others too. */
function isFirst(message: Message): boolean {
  const { id, threadId = id, parentThreadId = threadId } = message;
  return !isReceipt(message) && threadId === id && parentThreadId === threadId;
}

/** Repeated receipts are not held back here: a receipt counts once, and the message that it is about may be sent again by a later process, with the same id. */
function isReceipt({ type }: Message): boolean {
  return type === RECEIPT;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
