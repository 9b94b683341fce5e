import fc from "fast-check";
import { SEED } from "./soak.ts";

// Property tests make the choices of `PARLEY_SEED`. Without it fast-check chooses a seed for each, and prints it when one fails.
if (process.env["PARLEY_SEED"] !== undefined) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: SEED });
