// Runs the pinned pnpm on a machine that has only Node and npm. Run: node scripts/pnpm.mjs <arguments of pnpm>
import "./lib/supported-node.mjs";
import { pnpm } from "./lib/pnpm.mjs";

process.exitCode = await pnpm(process.argv.slice(2));
