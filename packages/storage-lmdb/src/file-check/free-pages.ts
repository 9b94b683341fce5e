import type { CheckContext } from "./check-context.ts";
import type { Value } from "./tree-check.ts";

const NUMBER_BYTES = 8;

/**
 * Checks a list of free pages and marks them as used, to detect pages that are both free and in use. A list begins with its length. 0 is an
 * empty slot; a negative number -n is followed by the first of n consecutive pages.
 */
export function checkFreePages(context: CheckContext, { page, position, bytes }: Value): void {
  const numbers = Buffer.alloc(bytes);
  context.file.readBytes(numbers, position);
  const places = Math.floor(bytes / NUMBER_BYTES) - 1;
  const length = places < 0 ? -1 : Number(numbers.readBigUInt64LE(0));
  if (length < 0 || length > places) throw context.file.damaged(page, `a list of ${places} free pages has the length ${length}`);
  for (let index = 1; index <= length; index++) {
    const number = numberAt(numbers, index);
    if (number > 0) context.use(number, 1, page);
    if (number >= 0) continue;
    if (++index > length) throw context.file.damaged(page, "a list of free pages ends within a range");
    context.use(numberAt(numbers, index), -number, page);
  }
}

function numberAt(numbers: Buffer, index: number): number {
  return Number(numbers.readBigInt64LE(index * NUMBER_BYTES));
}
