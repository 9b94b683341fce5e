import { BridgeError } from "../bridge-error.ts";
import { digest } from "../internal/digest.ts";

/**
 * The identifier of a channel and protocol in a path. It is a digest, so that members of one channel can't read the names of others; a name
 * that is guessed can be verified.
 */
export function placeOf(channel: string, protocol: string): string {
  return digest("place", channel, protocol).slice(0, 22);
}

/**
 * Extends the path of a message that is forwarded from one place to another. Returns `undefined` for a loop: the message has been at `to`.
 *
 * @throws BridgeError `too_many_hops`
 */
export function nextPath(path: readonly string[], from: string, to: string, maxHops: number): readonly string[] | undefined {
  const next = [...path, from];
  if (next.includes(to)) return undefined;
  if (next.length > maxHops) throw new BridgeError("too_many_hops", `The message has crossed ${maxHops} bridges already`);
  return next;
}
