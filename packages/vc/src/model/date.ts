/** XML Schema 1.1, dateTimeStamp: a date, a time, and a time zone. Years have four digits here. */
const DATE_TIME_STAMP =
  /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T(?:(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,20})?|24:00:00(?:\.0{1,20})?)(?:Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))$/;

/**
 * Milliseconds since 1970 of a `dateTimeStamp`; `undefined` for any other text, and for days that no calendar has.
 *
 * @see {@link https://www.w3.org/TR/xmlschema11-2/#dateTimeStamp | XML Schema 1.1, dateTimeStamp}
 */
export function parseDateTimeStamp(text: string): number | undefined {
  const [, year, month, day] = DATE_TIME_STAMP.exec(text) ?? [];
  if (year === undefined || Number(day) > daysOf(Number(year), Number(month))) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

/** A `dateTimeStamp` of milliseconds since 1970, without a fraction. */
export function formatDateTimeStamp(time: number): string {
  return new Date(Math.floor(time / 1000) * 1000).toISOString().replace(".000Z", "Z");
}

function daysOf(year: number, month: number): number {
  return new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
}
