import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";
import type { Message } from "@bufbuild/protobuf";
import { RelayError, type UnaryMethod } from "@parley/skytale-relay";
import { contract, encodeEvicted, encodeRange } from "@parley/skytale-relay/internal";
import type { WelcomeStore } from "../log/welcome-store.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { Access, Principal } from "./access.ts";
import { type AccountBudgets, WORK } from "./account-budgets.ts";
import { isChannelName } from "./incoming.ts";
import { DELIVERY_MESSAGES } from "./relay-limits.ts";
import { withoutMarkers } from "./without-markers.ts";

/** What single calls need of their relay. */
export interface UnaryParts {
  readonly log: ChannelLog;
  readonly welcomes: WelcomeStore;
  readonly access: Access;
  readonly budgets: AccountBudgets;
}

/** Who calls. */
export interface Caller {
  readonly principal: Principal;
  readonly signal: AbortSignal;
}

/** Bytes of payloads in one answer, about. */
const ANSWER_BYTES = 1024 * 1024;
const MAX_CHANNELS = 256;
const MAX_RECIPIENTS = 16;
const MAX_ACKED = 256;
const MAX_NAMED_BYTES = 64;
const MAX_WAIT_MS = 60_000;

/** Answers the single calls of the contract. */
export class Unary {
  readonly #parts: UnaryParts;
  readonly #methods: Readonly<Record<UnaryMethod, (request: Uint8Array, caller: Caller) => Promise<Uint8Array>>> = {
    FetchRange: (request, caller) => this.#fetchRange(read(contract.FetchRangeRequestSchema, request), caller),
    GetHeads: (request, caller) => this.#getHeads(read(contract.GetHeadsRequestSchema, request), caller),
    FetchWelcomes: (request, caller) => this.#fetchWelcomes(read(contract.FetchWelcomesRequestSchema, request), caller),
    AckWelcomes: (request, caller) => this.#ackWelcomes(read(contract.AckWelcomesRequestSchema, request), caller),
  };

  constructor(parts: UnaryParts) {
    this.#parts = parts;
  }

  /** @throws RelayError, StorageError */
  async call(method: UnaryMethod, request: Uint8Array, caller: Caller): Promise<Uint8Array> {
    return this.#methods[method](request, caller);
  }

  async #fetchRange(request: contract.FetchRangeRequest, { principal }: Caller): Promise<Uint8Array> {
    const { channel, fromSequence, limit, takesEvicted } = request;
    const from = Number(fromSequence);
    if (from < 1 || !Number.isSafeInteger(from)) throw invalid("from_sequence must be a sequence, from 1 on");
    await this.#check(channel, this.#parts.access.canRead(principal, checked(channel)));
    const most = limit === 0 ? DELIVERY_MESSAGES : Math.min(limit, DELIVERY_MESSAGES);
    const page = await this.#parts.log.read(channel, { from, limit: most, maxBytes: ANSWER_BYTES });
    const { entries, head } = takesEvicted ? page : withoutMarkers(page);
    const messages = entries.map((entry) => (entry instanceof Uint8Array ? entry : encodeEvicted(entry.evicted)));
    return encodeRange({ first: from, messages, head });
  }

  async #getHeads({ channels }: contract.GetHeadsRequest, { principal }: Caller): Promise<Uint8Array> {
    if (channels.length === 0 || channels.length > MAX_CHANNELS) throw invalid(`1 to ${MAX_CHANNELS} channels can be asked for`);
    if (!this.#parts.budgets.work.tryTake(principal.accountId, channels.length * WORK.head)) {
      throw new RelayError("resource_exhausted", "The account asks about too many channels in a short time");
    }
    const heads: { firstSequence: bigint; nextSequence: bigint }[] = [];
    for (const channel of channels) {
      await this.#check(channel, this.#parts.access.canRead(principal, checked(channel)));
      const { first, next } = await this.#parts.log.head(channel);
      heads.push({ firstSequence: BigInt(first), nextSequence: BigInt(next) });
    }
    return toBinary(contract.GetHeadsResponseSchema, create(contract.GetHeadsResponseSchema, { heads }));
  }

  async #fetchWelcomes(request: contract.FetchWelcomesRequest, { principal, signal }: Caller): Promise<Uint8Array> {
    const { channel, recipients, waitMs } = request;
    if (recipients.length === 0 || recipients.length > MAX_RECIPIENTS || !recipients.every(isName)) {
      throw invalid(`1 to ${MAX_RECIPIENTS} recipients can be asked for, of 1 to ${MAX_NAMED_BYTES} bytes each`);
    }
    await this.#check(channel, this.#parts.access.canFetchWelcomes(principal, checked(channel)));
    await this.#parts.welcomes.claim(channel, recipients, principal.accountId);
    let welcomes = await this.#parts.welcomes.fetch(channel, recipients, ANSWER_BYTES);
    if (welcomes.length === 0 && waitMs > 0) {
      const lease = this.#parts.budgets.waitingCalls.tryAcquire(principal.accountId);
      if (lease === undefined) throw new RelayError("resource_exhausted", "Too many calls wait for a welcome");
      try {
        await this.#news(channel, recipients, Math.min(waitMs, MAX_WAIT_MS), signal);
      } finally {
        lease.release();
      }
      welcomes = await this.#parts.welcomes.fetch(channel, recipients, ANSWER_BYTES);
    }
    const schema = contract.FetchWelcomesResponseSchema;
    return toBinary(
      schema,
      create(schema, {
        welcomes: welcomes.map(({ id, recipient, payload, recordedAt }) => ({ id, recipient, payload, recordedAtMs: BigInt(recordedAt) })),
      }),
    );
  }

  async #ackWelcomes({ channel, welcomes }: contract.AckWelcomesRequest, { principal }: Caller): Promise<Uint8Array> {
    if (welcomes.length > MAX_ACKED || !welcomes.every(({ id, recipient }) => isName(id) && isName(recipient))) {
      throw invalid(`Up to ${MAX_ACKED} welcomes can be acknowledged at once, each by its id and recipient`);
    }
    await this.#check(channel, this.#parts.access.canFetchWelcomes(principal, checked(channel)));
    const recipients = welcomes.map(({ recipient }) => recipient);
    if (!(await this.#parts.welcomes.claim(channel, recipients, principal.accountId))) {
      throw new RelayError("permission_denied", "A welcome belongs to another account, which fetched it first");
    }
    await this.#parts.welcomes.acknowledge(channel, welcomes);
    return toBinary(contract.AckWelcomesResponseSchema, create(contract.AckWelcomesResponseSchema));
  }

  async #check(channel: string, allowed: boolean | Promise<boolean>): Promise<void> {
    if (!(await allowed)) throw new RelayError("permission_denied", `The account may not do this on ${channel}`);
  }

  /** Resolves when a Welcome is stored, the timeout passes or the call is cancelled. */
  #news(channel: string, recipients: readonly Uint8Array[], waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        stop();
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const stop = this.#parts.welcomes.watch(channel, recipients, done);
      const timer = setTimeout(done, waitMs);
      signal.addEventListener("abort", done, { once: true });
      if (signal.aborted) done();
    });
  }
}

function read<T extends Message>(schema: GenMessage<T>, bytes: Uint8Array): T {
  try {
    return fromBinary(schema, bytes, { readUnknownFields: false });
  } catch {
    throw invalid("The request can't be read");
  }
}

function checked(channel: string): string {
  if (!isChannelName(channel)) throw invalid("The channel name is invalid");
  return channel;
}

function isName(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes.length <= MAX_NAMED_BYTES;
}

function invalid(message: string): RelayError {
  return new RelayError("invalid_argument", message);
}
