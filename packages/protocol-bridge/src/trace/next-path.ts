import { BridgeError } from "../bridge-error.ts";
import { digest } from "../internal/digest.ts";

/**
 * What paths call a channel with a protocol: a digest, so that members of one channel don't read the names of others. Who can guess a name
 * can check the guess.
 */
export function placeOf(channel: string, protocol: string): string {
  return digest("place", channel, protocol).slice(0, 22);
}

/**
 * The path of a message that goes on from one place to another; `undefined` if it has been there already.
 *
 * @throws BridgeError `too_many_hops`
 */
export function nextPath(path: readonly string[], from: string, to: string, maxHops: number): readonly string[] | undefined {
  const walked = [...path, from];
  if (walked.includes(to)) return undefined;
  if (walked.length > maxHops) throw new BridgeError("too_many_hops", `The message has crossed ${maxHops} bridges already`);
  return walked;
}
