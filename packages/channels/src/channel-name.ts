import { createHash, randomBytes } from "node:crypto";
import { ChannelError } from "./errors.ts";

const COMPONENT = "[!-.0-~]{1,128}";
const NAME = new RegExp(`^${COMPONENT}/${COMPONENT}/${COMPONENT}$`);
const MAX_SHOWN = 400;
/** Secrets that must not appear in an error message. */
const SECRET = /^\s*(?:skt_inv|sk_live|sk_test|l8)_/;
const RANDOM_BYTES = 16;
const LABEL = "skytale channel\0";
const PREFIX_BYTES = 32;

/**
 * Checks a channel's name: `org/namespace/service`, each 1 to 128 printable ASCII characters without the slash.
 *
 * @throws ChannelError `bad_request`: `invalid channel name: bad-name (expected org/namespace/service)`
 */
export function checkChannelName(name: string): void {
  if (typeof name === "string" && NAME.test(name)) return;
  throw new ChannelError("bad_request", `invalid channel name: ${shownName(name)} (expected org/namespace/service${rulesFor(name)})`);
}

/** The rule that a name with three parts violates. */
function rulesFor(name: unknown): string {
  return typeof name === "string" && name.split("/").length === 3 ? ", each of 1 to 128 printable ASCII characters without spaces" : "";
}

function shownName(name: unknown): string {
  if (typeof name !== "string") return `a value of type ${typeof name}`;
  if (SECRET.test(name)) return "a token or key in place of a name";
  return name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name;
}

/**
 * A new group id for a channel: a hash of the name, then 16 random bytes. The group id is authenticated by all members, so a welcome cannot be
 * passed off as one for another channel.
 */
export function newGroupId(name: string): Uint8Array {
  return Uint8Array.from(Buffer.concat([prefixOf(name), randomBytes(RANDOM_BYTES)]));
}

/** Whether a group belongs to the channel of this name. */
export function isGroupOf(groupId: Uint8Array, name: string): boolean {
  return groupId.length === PREFIX_BYTES + RANDOM_BYTES && prefixOf(name).equals(groupId.subarray(0, PREFIX_BYTES));
}

function prefixOf(name: string): Buffer {
  return createHash("sha256").update(LABEL).update(name).digest();
}
