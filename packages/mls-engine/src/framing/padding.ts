/**
 * Sizes that content is padded to, in ascending order: the first that is large enough; beyond the last one, its multiples.
 * An empty list means no padding.
 */
export type PaddingBuckets = readonly number[];

/** So that short messages look alike, and long ones tell little: 256, 1024, and multiples of 4096. */
export const DEFAULT_PADDING: PaddingBuckets = [256, 1024, 4096];

/** The size that content of this length gets. Throws TypeError when the buckets aren't ascending whole numbers. */
export function paddedSize(length: number, buckets: PaddingBuckets): number {
  let largest = 0;
  let fitting: number | undefined;
  for (const bucket of buckets) {
    if (!Number.isSafeInteger(bucket) || bucket <= largest) throw new TypeError("Padding buckets are whole numbers in ascending order");
    if (length <= bucket) fitting ??= bucket;
    largest = bucket;
  }
  if (fitting !== undefined) return fitting;
  return largest === 0 ? length : Math.ceil(length / largest) * largest;
}
