import { describeKind } from "./describe-kind.ts";

const MAX_TEXT = 1000;
const MAX_MEMBERS = 8;
const MAX_VALUE = 100;
const MAX_ERRORS = 3;

/**
 * A thrown value as text for logs: an error's message, a text itself, an object's first members. It may contain private details, so it must
 * not be sent to a peer.
 */
export function describeThrown(thrown: unknown): string {
  try {
    return textOf(thrown);
  } catch {
    return "a value was thrown that can't be read";
  }
}

function textOf(thrown: unknown): string {
  if (typeof thrown === "string") return thrown === "" ? "an empty text was thrown" : thrown;
  if (typeof thrown === "function") return `a function was thrown${thrown.name === "" ? "" : `: ${thrown.name}`}`;
  if (typeof thrown !== "object" || thrown === null) return `${String(thrown)} was thrown`;
  // Errors of other realms are not instances of this realm's Error.
  const message = "message" in thrown ? thrown.message : undefined;
  if (typeof message === "string" && message !== "") return message;
  if (thrown instanceof AggregateError && thrown.errors.length > 0)
    return thrown.errors.slice(0, MAX_ERRORS).map(describeThrown).join("; ");
  if (thrown instanceof Error) return thrown.cause === undefined ? `${thrown.name} without a message` : describeThrown(thrown.cause);
  return `${describeKind(thrown)} was thrown: ${membersOf(thrown)}`.slice(0, MAX_TEXT);
}

/** The first members of an object, each in few characters. Nested values show as their kind. */
function membersOf(value: object): string {
  const keys = Object.keys(value);
  const shown = keys.slice(0, MAX_MEMBERS).map((key) => `${key.slice(0, MAX_VALUE)}: ${shortened(Reflect.get(value, key))}`);
  if (keys.length > MAX_MEMBERS) shown.push("…");
  return shown.length === 0 ? "{}" : `{ ${shown.join(", ")} }`;
}

function shortened(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, MAX_VALUE));
  return typeof value === "number" || typeof value === "boolean" ? String(value) : describeKind(value);
}
