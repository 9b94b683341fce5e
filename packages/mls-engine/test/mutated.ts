import fc from "fast-check";

/** Generates changed copies of bytes: truncated, extended, or with one byte replaced. */
export function mutated(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    fc.nat(bytes.length - 1).map((end) => bytes.slice(0, end)),
    fc.uint8Array({ minLength: 1, maxLength: 8 }).map((more) => new Uint8Array([...bytes, ...more])),
    fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, flip]) => {
      const copy = bytes.slice();
      copy.set([(bytes[at] ?? 0) ^ flip], at);
      return copy;
    }),
  );
}
