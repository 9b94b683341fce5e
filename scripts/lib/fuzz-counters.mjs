// Loaded before the fuzzer: the counters of branches, and the hooks that put them into the code.
import { register } from "node:module";
import "./branch-counters.mjs";

register("./fuzz-loader.mjs", import.meta.url);
