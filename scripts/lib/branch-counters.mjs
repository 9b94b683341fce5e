// What instrumented code counts with, as globals: `fuzzBranch` for the code, `fuzzCoverage` for the fuzzer.
const counts = new Uint32Array(1 << 18);
let touched = [];
let work = 0;
let limit = Infinity;

/** Thrown out of code that takes more branches than an input may cost. */
class TooMuchWork extends Error {
  name = "TooMuchWork";
}

globalThis.fuzzBranch = (n) => {
  if (counts[n]++ === 0) touched.push(n);
  if (++work > limit) throw new TooMuchWork(`An input cost more than ${limit} branches`);
};

const words = new Set();
globalThis.fuzzWords = (more) => more.forEach((word) => words.add(word));

globalThis.fuzzCoverage = {
  words,
  /** Starts an input, which may take up to `maxWork` branches. */
  begin(maxWork) {
    for (const n of touched) counts[n] = 0;
    touched = [];
    work = 0;
    limit = maxWork;
  },
  /** Ends it: which branches were taken, how often, and how many in all. */
  end() {
    limit = Infinity;
    return { touched, counts, work };
  },
};
