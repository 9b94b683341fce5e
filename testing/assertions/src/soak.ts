const SOAK = process.env["PARLEY_SOAK"] === "1";

/** How often to repeat a test that searches at random, and how long that may take: a sample in the gate, far more in `npm run soak`. */
export function gateOrSoak(gate: number, soak: number): number {
  return SOAK ? soak : gate;
}

/** Seed of this run's random choices: `PARLEY_SEED`, or else a random one. Tests that use it have it in their names. */
export const SEED: number = Number(process.env["PARLEY_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

/** Whole numbers from 0 up to a bound, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}
