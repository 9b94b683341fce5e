import type { Readable } from "node:stream";
import type { FairShareLease } from "@parley/core/internal";

/** Bytes reserved for a request before its body arrives, because even the smallest costs work. */
export const LEAST_ROOM: number = 16 * 1024;
/** Bytes that a chunk counts at least, because each chunk has a buffer of its own. */
const LEAST_CHUNK = 512;
/** Minimum rate of a body in bytes per second, checked after a grace time in milliseconds. */
const LEAST_RATE = 8 * 1024;
const GRACE_MS = 5000;

/** Why a body was not read to its end. */
export type BodyFault = "too_large" | "no_room" | "too_slow" | "aborted";

const FAULTS: Readonly<Record<BodyFault, { readonly statusCode: number; readonly sentence: string }>> = {
  too_large: { statusCode: 413, sentence: "the body is too large" },
  no_room: { statusCode: 503, sentence: "too much at once; try again" },
  too_slow: { statusCode: 408, sentence: `the body arrives too slowly: less than ${LEAST_RATE} bytes a second` },
  aborted: { statusCode: 400, sentence: "the body was cut short" },
};

/** A body that could not be read. `statusCode` is that of the response. */
export class BodyError extends Error {
  readonly fault: BodyFault;
  readonly statusCode: number;

  constructor(fault: BodyFault) {
    super(FAULTS[fault].sentence);
    this.fault = fault;
    this.statusCode = FAULTS[fault].statusCode;
  }
}

/**
 * Reads a body and charges it as it arrives; an announced length reserves nothing. A body that arrives too slowly is rejected.
 *
 * @param lease holds {@link LEAST_ROOM} already. The caller releases it.
 * @throws BodyError
 */
export function readBody(stream: Readable, { maxBytes, lease }: { maxBytes: number; lease: FairShareLease }): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let held = 0;
    let room = LEAST_ROOM;
    const startedAt = performance.now();
    let timer = setTimeout(checkRate, GRACE_MS);
    // A client may disconnect at any time, also after the body was read or rejected.
    stream.on("error", () => {});
    stream.on("data", onData).on("end", onEnd).on("error", onCut).on("close", onCut);

    function onData(chunk: Buffer): void {
      length += chunk.length;
      if (length > maxBytes) return fail("too_large");
      held += Math.max(chunk.length, LEAST_CHUNK);
      if (held > room && !lease.tryGrow(held - room)) return fail("no_room");
      room = Math.max(room, held);
      chunks.push(chunk);
    }
    function onEnd(): void {
      stop();
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length));
    }
    function onCut(): void {
      fail("aborted");
    }
    function checkRate(): void {
      if (length < ((performance.now() - startedAt) / 1000) * LEAST_RATE) return fail("too_slow");
      timer = setTimeout(checkRate, GRACE_MS / 5);
    }
    function fail(fault: BodyFault): void {
      stop();
      stream.resume();
      reject(new BodyError(fault));
    }
    function stop(): void {
      clearTimeout(timer);
      stream.off("data", onData).off("end", onEnd).off("error", onCut).off("close", onCut);
    }
  });
}
