import { TimeSlice } from "@parley/core/internal";
import type { CipherSuite, HpkeCiphertext, HpkePlaintext } from "../cipher-suite.ts";
import { sealThreads, type SealThread } from "./seal-thread.ts";
import type { SealJob } from "./seal-job.ts";

/** Public keys of a chunk: about 3 ms of work. */
const CHUNK = 32;
const NO_DATA = new Uint8Array(0);

/** Messages with the same plaintext. */
interface Chunk {
  readonly start: number;
  readonly messages: readonly HpkePlaintext[];
}

/**
 * Encrypts with HPKE in this thread and in others, a chunk at a time. This thread doesn't wait for a thread that is still starting, and
 * encrypts what a thread that failed had taken. In between, it yields to other work.
 *
 * @throws MlsEngineError `malformed` if some bytes are not a public key
 */
export async function sealInThreads(suite: CipherSuite, messages: readonly HpkePlaintext[], info: Uint8Array): Promise<HpkeCiphertext[]> {
  const sealed: HpkeCiphertext[] = [];
  const chunks = chunksOf(messages).toReversed();
  const failed: Chunk[] = [];
  const elsewhere = new Set<Promise<void>>();

  const put = ({ start }: Chunk, done: readonly HpkeCiphertext[]): void => {
    for (const [index, one] of done.entries()) sealed[start + index] = one;
  };
  const help = async (thread: SealThread): Promise<void> => {
    await thread.ready;
    while (thread.isRunning) {
      const chunk = chunks.pop();
      if (chunk === undefined) return;
      const sealing = thread
        .seal(jobOf(suite, chunk, info))
        .then((done) => (done === undefined ? void failed.push(chunk) : put(chunk, done)));
      elsewhere.add(sealing);
      await sealing;
      elsewhere.delete(sealing);
    }
  };
  const slice = new TimeSlice();
  const sealHere = async (todo: Chunk[]): Promise<void> => {
    for (let chunk = todo.pop(); chunk !== undefined; chunk = todo.pop()) {
      const done: HpkeCiphertext[] = [];
      for (const { publicKey, plaintext } of chunk.messages) {
        done.push(suite.hpkeSeal(publicKey, info, NO_DATA, plaintext));
        if (slice.isOver) await slice.next();
      }
      put(chunk, done);
    }
  };

  for (const thread of sealThreads()) void help(thread);
  try {
    await sealHere(chunks);
  } finally {
    chunks.length = 0;
    await Promise.all(elsewhere);
  }
  await sealHere(failed);
  return sealed;
}

function chunksOf(messages: readonly HpkePlaintext[]): Chunk[] {
  const chunks: Chunk[] = [];
  for (let start = 0; start < messages.length;) {
    let end = start + 1;
    while (end < messages.length && end - start < CHUNK && messages[end]?.plaintext === messages[start]?.plaintext) end++;
    chunks.push({ start, messages: messages.slice(start, end) });
    start = end;
  }
  return chunks;
}

function jobOf(suite: CipherSuite, { messages }: Chunk, info: Uint8Array): SealJob {
  const [first] = messages;
  // Copies: a view would be sent with the whole buffer that it is part of.
  return {
    suite: suite.name,
    info: info.slice(),
    plaintext: first?.plaintext.slice() ?? NO_DATA,
    publicKeys: messages.map(({ publicKey }) => publicKey.slice()),
  };
}
