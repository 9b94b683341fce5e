import type { StoreChange } from "../store/group-store.ts";
import { userKey } from "./group-rows.ts";
import type { WriteOptions } from "./group-types.ts";

const MAX_KEY_BYTES = 1000;
const MAX_VALUE_BYTES = 64 * 1024 * 1024;

/**
 * The application's rows (`commitWith`) as changes of the group's partition. Called before a step changes anything, so that an invalid row
 * leaves the group unchanged.
 *
 * @throws TypeError
 */
export function applicationRows<T>(commitWith: WriteOptions<T>["commitWith"], result: T): StoreChange[] {
  const rows = typeof commitWith === "function" ? commitWith(result) : (commitWith ?? []);
  return rows.map(({ key, value, isPublic = false }) => {
    const bytes = new TextEncoder().encode(key).length;
    if (bytes < 1 || bytes > MAX_KEY_BYTES) throw new TypeError(`The key of a row must have 1 to ${MAX_KEY_BYTES} bytes, not ${bytes}`);
    if (value !== undefined && (!(value instanceof Uint8Array) || value.length > MAX_VALUE_BYTES)) {
      throw new TypeError(`The value of a row must be a Uint8Array of at most ${MAX_VALUE_BYTES} bytes`);
    }
    return { key: userKey(key), value, isPublic };
  });
}
