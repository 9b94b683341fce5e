import { userKey } from "./group-rows.ts";
import type { WriteOptions } from "./group-types.ts";
import type { StoreChange } from "../store/group-store.ts";

const MAX_KEY_BYTES = 1000;
const MAX_VALUE_BYTES = 64 * 1024 * 1024;

/** The application's rows of a step. Throws TypeError for what no store takes, before anything has happened. */
export function alsoRows<T>(also: WriteOptions<T>["also"], result: T): StoreChange[] {
  const rows = typeof also === "function" ? also(result) : (also ?? []);
  return rows.map(({ key, value }) => {
    const bytes = new TextEncoder().encode(key).length;
    if (bytes < 1 || bytes > MAX_KEY_BYTES) throw new TypeError(`The key of a row has 1 to ${MAX_KEY_BYTES} bytes`);
    if (value !== undefined && (!(value instanceof Uint8Array) || value.length > MAX_VALUE_BYTES)) {
      throw new TypeError(`The value of a row is a Uint8Array of at most ${MAX_VALUE_BYTES} bytes`);
    }
    return { key: userKey(key), value };
  });
}
