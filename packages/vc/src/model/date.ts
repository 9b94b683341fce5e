/** XML Schema 1.1, dateTimeStamp: a date, a time and a time zone. Only years of four digits are supported. */
const DATE_TIME_STAMP =
  /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T(?:(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,20})?|24:00:00(?:\.0{1,20})?)(?:Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))$/;

/**
 * Parses a `dateTimeStamp` into milliseconds since 1970. `undefined` for any other text, and for days that do not exist.
 *
 * @see {@link https://www.w3.org/TR/xmlschema11-2/#dateTimeStamp | XML Schema 1.1, dateTimeStamp}
 */
export function parseDateTimeStamp(text: string): number | undefined {
  const [, year, month, day] = DATE_TIME_STAMP.exec(text) ?? [];
  if (year === undefined || Number(day) > daysOf(Number(year), Number(month))) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

/** The first and the last second that a `dateTimeStamp` can express with a year of four digits, in milliseconds since 1970. */
const MIN_TIME = -62_167_219_200_000;
const MAX_TIME = 253_402_300_799_000;

/** Whether a time in milliseconds since 1970 can be written as a `dateTimeStamp`. */
export function isExpressible(time: number): boolean {
  return time >= MIN_TIME && time < MAX_TIME + 1000;
}

/** Formats milliseconds since 1970 as a `dateTimeStamp`, without a fraction. Times out of range become the nearest valid one. */
export function formatDateTimeStamp(time: number): string {
  const second = Math.min(MAX_TIME, Math.max(MIN_TIME, Math.floor(time / 1000) * 1000));
  return new Date(second).toISOString().replace(".000Z", "Z");
}

function daysOf(year: number, month: number): number {
  return new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
}
