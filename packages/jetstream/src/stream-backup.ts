import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createInbox, type Msg } from "@nats-io/nats-core";
import { isJsonObject, type JsonObject } from "@parley/core";
import { StorageError } from "@parley/storage";
import type { JetstreamConnection } from "./connection.ts";
import { describeStreams } from "./stream-status.ts";

const CHUNK_BYTES = 128 * 1024;
const REQUEST_MS = 30_000;
/** A server that has sent nothing for so long sends nothing more. */
const SILENCE_MS = 60_000;
const DESCRIPTION = ".json";
const CONTENT = ".tar.s2";

/**
 * Copies every stream of the connection's prefix into files of a directory, as NATS's own backups: a description in JSON, and a compressed
 * archive with all messages under their sequences. The copy of each stream is of one moment; stop the servers if all are to be of the same.
 *
 * @returns the streams, with the number of messages of each.
 * @throws StorageError `storage_failed`
 */
export async function exportStreams(connection: JetstreamConnection, directory: string): Promise<ReadonlyMap<string, number>> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const counts = new Map<string, number>();
  for (const { name, isInMemory } of await describeStreams(connection)) {
    if (isInMemory) continue;
    const description = await snapshot(connection, name, join(directory, name + CONTENT));
    await writeFile(join(directory, name + DESCRIPTION), JSON.stringify(description), { mode: 0o600 });
    counts.set(name, messagesOf(description));
  }
  return counts;
}

/**
 * Creates the streams of {@link exportStreams} again, which must not exist.
 *
 * @returns the streams, with the number of messages of each.
 * @throws StorageError `storage_failed`; TypeError for files of another prefix
 */
export async function restoreStreams(connection: JetstreamConnection, directory: string): Promise<ReadonlyMap<string, number>> {
  const names = (await readdir(directory)).flatMap((file) => (file.endsWith(DESCRIPTION) ? [file.slice(0, -DESCRIPTION.length)] : []));
  const prefix = `${connection.prefix.toUpperCase()}_`;
  const foreign = names.find((name) => !name.startsWith(prefix));
  if (foreign !== undefined)
    throw new TypeError(`${directory} has the stream ${foreign}: restore it with the prefix that it was exported with`);
  if (names.length === 0) throw new TypeError(`${directory} has no exported stream`);
  const counts = new Map<string, number>();
  for (const name of names.toSorted((left, right) => left.localeCompare(right))) {
    const description: unknown = JSON.parse(await readFile(join(directory, name + DESCRIPTION), "utf8"));
    if (!isJsonObject(description)) throw new TypeError(`${name + DESCRIPTION} is damaged`);
    await restore(connection, name, description, join(directory, name + CONTENT));
    counts.set(name, messagesOf(description));
  }
  return counts;
}

async function snapshot({ nc }: JetstreamConnection, name: string, path: string): Promise<JsonObject> {
  const inbox = createInbox();
  const chunks = nc.subscribe(inbox, { timeout: SILENCE_MS });
  const content = async function* (): AsyncGenerator<Uint8Array> {
    for await (const message of chunks) {
      // The last one is empty.
      if (message.data.length === 0) return;
      // NATS sends more when what it has sent is acknowledged.
      message.respond();
      yield message.data;
    }
  };
  const request = { deliver_subject: inbox, no_consumers: true, chunk_size: CHUNK_BYTES };
  try {
    const description = answerOf(await nc.request(`$JS.API.STREAM.SNAPSHOT.${name}`, JSON.stringify(request), { timeout: REQUEST_MS }));
    await pipeline(Readable.from(content()), createWriteStream(path, { mode: 0o600, flush: true }));
    return description;
  } finally {
    chunks.unsubscribe();
  }
}

async function restore({ nc }: JetstreamConnection, name: string, description: JsonObject, path: string): Promise<void> {
  const request = JSON.stringify({ config: description["config"], state: description["state"] });
  const { deliver_subject: subject } = answerOf(await nc.request(`$JS.API.STREAM.RESTORE.${name}`, request, { timeout: REQUEST_MS }));
  if (typeof subject !== "string") throw new StorageError("storage_failed", `NATS does not restore the stream ${name}`);
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES }))
    answerOf(await nc.request(subject, chunk as Uint8Array, { timeout: REQUEST_MS }));
  answerOf(await nc.request(subject, new Uint8Array(), { timeout: SILENCE_MS }));
}

/** @throws StorageError with the description of NATS */
function answerOf({ data }: Msg): JsonObject {
  if (data.length === 0) return {};
  const answer: unknown = JSON.parse(Buffer.from(data).toString());
  if (!isJsonObject(answer)) return {};
  const { error } = answer;
  if (isJsonObject(error)) throw new StorageError("storage_failed", `NATS: ${textOf(error["description"])}`);
  return answer;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function messagesOf({ state }: JsonObject): number {
  return isJsonObject(state) ? Number(state["messages"]) : 0;
}
