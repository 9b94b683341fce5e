import { isJsonObject } from "@parley/core";
import type { GroupStore, StorePartition } from "@parley/mls-engine";
import type { JoinRequest } from "./join-request.ts";

const PARTITION = "channels/joins";

/** The unfinished join requests of this agent, on disk, so that they continue after a restart. They contain no secrets. */
export class JoinRequestStore {
  readonly #store: GroupStore;
  #partition: Promise<StorePartition> | undefined;

  constructor(store: GroupStore) {
    this.#store = store;
  }

  /** The request made with an invite to a channel. */
  async get(channel: string, inviteId: Uint8Array): Promise<JoinRequest | undefined> {
    const value = (await this.#open()).get(keyOf(channel, inviteId));
    return value && decode(value, channel, inviteId);
  }

  /** Durable when it resolves. */
  async put(request: JoinRequest): Promise<void> {
    const partition = await this.#open();
    await partition.write([{ key: keyOf(request.channel, request.inviteId), value: encode(request) }], "durable");
  }

  async remove({ channel, inviteId }: Pick<JoinRequest, "channel" | "inviteId">): Promise<void> {
    await (await this.#open()).write([{ key: keyOf(channel, inviteId), value: undefined }], "durable");
  }

  /** Closes its partition of the store. Idempotent. */
  async close(): Promise<void> {
    await (await this.#partition)?.close();
  }

  #open(): Promise<StorePartition> {
    this.#partition ??= this.#store.open(PARTITION);
    return this.#partition;
  }
}

function keyOf(channel: string, inviteId: Uint8Array): string {
  return `${Buffer.from(inviteId).toString("hex")} ${channel}`;
}

function encode({ requestId, keyPackage, proof }: JoinRequest): Uint8Array {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
  return new TextEncoder().encode(JSON.stringify({ request: text(requestId), key_package: text(keyPackage), proof: text(proof) }));
}

/** `undefined` for damaged records: the caller creates another request. */
function decode(value: Uint8Array, channel: string, inviteId: Uint8Array): JoinRequest | undefined {
  try {
    const { request, key_package: keyPackage, proof }: Record<string, unknown> = readObject(value);
    if (typeof request !== "string" || typeof keyPackage !== "string" || typeof proof !== "string") return undefined;
    const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "base64url"));
    return { channel, inviteId, requestId: bytes(request), keyPackage: bytes(keyPackage), proof: bytes(proof) };
  } catch {
    return undefined;
  }
}

function readObject(value: Uint8Array): Record<string, unknown> {
  const parsed: unknown = JSON.parse(new TextDecoder().decode(value));
  return isJsonObject(parsed) ? parsed : {};
}
