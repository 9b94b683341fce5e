/** See `MlsEngineOptions.padding`. */
export type PaddingBuckets = readonly number[];

/** Hides the length of short messages, and most of that of long ones: 256, 1024, and multiples of 4096. */
export const DEFAULT_PADDING: PaddingBuckets = [256, 1024, 4096];

/** The padded size of content. @throws TypeError if the sizes are not ascending whole numbers */
export function paddedSize(length: number, buckets: PaddingBuckets): number {
  let largest = 0;
  let fitting: number | undefined;
  for (const bucket of buckets) {
    if (!Number.isSafeInteger(bucket) || bucket <= largest)
      throw new TypeError("Padding sizes must be positive whole numbers in ascending order");
    if (length <= bucket) fitting ??= bucket;
    largest = bucket;
  }
  if (fitting !== undefined) return fitting;
  return largest === 0 ? length : Math.ceil(length / largest) * largest;
}
