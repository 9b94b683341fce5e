import type { JsonValue } from "./json.ts";

/** The last second that a `Date` can hold; the first is its negative. */
const MAX_SECONDS = 8.64e12;
/** Characters of a time that is written as text. */
const MAX_LENGTH = 64;

const NUMBER = /^[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;
/** ISO 8601 as programs write it: seconds, fraction, offset and the time of day may be absent. */
const ISO =
  /^(?<date>\d{4}-\d{2}-\d{2})(?:[T ](?<hour>\d{2}):(?<minute>\d{2})(?::(?<second>\d{2})(?:[.,](?<fraction>\d+))?)?(?<zone> ?Z| ?[+-]\d{2}(?::?\d{2})?)?)?$/i;

/**
 * Reads a time: seconds since 1970 as a number or as text, or ISO 8601 text, which some agents write. Negative numbers are times before
 * 1970. A text without an offset is UTC. Times that a `Date` can't hold become the first or last one that it can.
 *
 * @returns seconds since 1970, with a fraction if the input has one; `undefined` if the value is not a time.
 */
export function readTime(value: JsonValue): number | undefined {
  const seconds = typeof value === "string" ? readText(value) : value;
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) return undefined;
  return Math.min(MAX_SECONDS, Math.max(-MAX_SECONDS, seconds));
}

function readText(text: string): number | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const trimmed = text.trim();
  return NUMBER.test(trimmed) ? Number(trimmed) : readIso(trimmed);
}

function readIso(text: string): number | undefined {
  const { date, hour = "0", minute = "0", second = "0", fraction = "0", zone = "Z" } = ISO.exec(text)?.groups ?? {};
  if (date === undefined) return undefined;
  const midnight = Date.parse(`${date}T00:00:00Z`) / 1000;
  // `Date.parse` reads February 30 as March 1.
  if (Number.isNaN(midnight) || new Date(midnight * 1000).toISOString().slice(0, 10) !== date) return undefined;
  const seconds = secondsOf(hour, minute, second);
  const offset = offsetOf(zone);
  return seconds === undefined || offset === undefined ? undefined : midnight + seconds - offset + Number(`0.${fraction}`);
}

/** Seconds of a time of day. 24:00:00 is the end of the day, and a second of 60 a leap second, as the first of the next minute. */
function secondsOf(hour: string, minute: string, second: string): number | undefined {
  const [hours, minutes, seconds] = [Number(hour), Number(minute), Number(second)];
  const total = hours * 3600 + minutes * 60 + seconds;
  return hours <= 24 && minutes < 60 && seconds <= 60 && (hours < 24 || total === 86_400) ? total : undefined;
}

function offsetOf(zone: string): number | undefined {
  const [, sign, hours = "", minutes = "0"] = /([+-])(\d{2}):?(\d{2})?/.exec(zone) ?? [];
  if (sign === undefined) return 0;
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
  return (sign === "-" ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60);
}
