import type { MsgHdrs } from "@nats-io/nats-core";
import type { JetstreamConnection } from "./connection.ts";

/** A message of a stream as the stream republishes it when it is stored. */
export interface FeedMessage {
  /** Its stream sequence. */
  readonly seq: number;
  /** Stream sequence of the message before it on its subject; 0 without one. */
  readonly after: number;
  readonly headers: MsgHdrs;
  readonly body: Uint8Array;
}

/**
 * Subscribes to a republished subject. NATS delivers each message at most once, so some may be missing: `after` shows that for all but the
 * last ones, for which {@link JetstreamConnection.onDoubt} is. Resolves when the connected server knows of the subscription.
 *
 * @returns how to end it.
 */
export async function followFeed(
  connection: JetstreamConnection,
  subject: string,
  onMessage: (message: FeedMessage) => void,
): Promise<() => void> {
  const subscription = connection.nc.subscribe(subject, {
    callback: (error, { headers, data }) => {
      if (error !== null || headers === undefined) return;
      const [seq, after] = [Number(headers.get("Nats-Sequence")), Number(headers.get("Nats-Last-Sequence"))];
      if (seq > 0) onMessage({ seq, after, headers, body: data });
    },
  });
  // Without a connection the subscription is sent with the next one.
  await connection.nc.flush().catch(() => undefined);
  return () => subscription.unsubscribe();
}
