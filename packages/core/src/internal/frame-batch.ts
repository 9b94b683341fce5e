// Several Phoenix frames in one WebSocket message, one per line. Parley's own: client and node offer it in the WebSocket handshake with the
// header below, and each end batches only if the other one offers it. docs/node/frame-batches.md describes it for other SDKs.

/** Header of the upgrade request and of its response: the largest batch that its sender accepts, in bytes. */
export const BATCH_HEADER = "x-frame-batch";
/** Bytes of one batch. A longer message is a single frame. */
export const MAX_BATCH_BYTES: number = 64 * 1024;
/** Frames of one batch. */
export const MAX_BATCH_FRAMES = 256;

const SEPARATOR = "\n";
/** Bytes of UTF-8 that one UTF-16 unit takes at most. */
const MAX_BYTES_PER_UNIT = 3;

/** The value of {@link BATCH_HEADER} that the other end sent, limited to {@link MAX_BATCH_BYTES}; 0 without a valid one. */
export function readBatchLimit(header: string | readonly string[] | undefined): number {
  return typeof header === "string" && /^\d{1,9}$/.test(header) ? Math.min(Number(header), MAX_BATCH_BYTES) : 0;
}

/**
 * Joins frames into as few messages as possible, in order. A frame too long for a batch is a message of its own. Line breaks between the
 * tokens of a frame become spaces: the receiver would take them for separators. JSON allows none inside a string.
 *
 * @param maxBytes the other end's limit.
 */
export function batchFrames(frames: readonly string[], maxBytes: number): readonly string[] {
  const maxLength = Math.floor(maxBytes / MAX_BYTES_PER_UNIT);
  const messages: string[] = [];
  let batch = "";
  let count = 0;
  const flush = (): void => {
    if (count > 0) messages.push(batch);
    batch = "";
    count = 0;
  };
  for (const frame of frames) {
    const line = frame.includes(SEPARATOR) ? frame.replaceAll(SEPARATOR, " ") : frame;
    if (count === MAX_BATCH_FRAMES || batch.length + SEPARATOR.length + line.length > maxLength) flush();
    if (line.length > maxLength) {
      messages.push(line);
      continue;
    }
    batch = count === 0 ? line : batch + SEPARATOR + line;
    count += 1;
  }
  flush();
  return messages;
}

/** The frames of a message from an end that offers batches. A message longer than a batch is one frame, line breaks included. */
export function splitBatch(message: string): readonly string[] {
  return message.length <= MAX_BATCH_BYTES && message.includes(SEPARATOR) ? message.split(SEPARATOR) : [message];
}
