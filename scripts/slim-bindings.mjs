// Unpacks SLIM's bindings to `.cache/slim-bindings`, for the benchmark `channel`, which leaves SLIM out without them. They are no dependency of
// this repository: with npm's defaults they take 275 MB, since their packages for nine platforms don't name their platform.
// Run: npm run slim-bindings
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { npm } from "./lib/consumer.mjs";
import { repository } from "./lib/workspace.mjs";

const BINDINGS = "2.0.0-alpha.5";
/** The version that these bindings depend on. */
const FFI = "0.31.0-3";

if (process.platform !== "linux") {
  console.error("Only the packages for Linux with glibc are installed by this script.");
  process.exit(1);
}
const platform = `linux-${process.arch}-gnu`;
const folder = join(repository, ".cache", "slim-bindings");
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
const packages = [
  `@agntcy/slim-bindings@${BINDINGS}`,
  `@agntcy/slim-bindings-${platform}@${BINDINGS}`,
  `@ubjs/node@${FFI}`,
  `@ubjs/node-${platform}@${FFI}`,
];
npm(folder, ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional", ...packages]);
console.log(`@agntcy/slim-bindings ${BINDINGS} is in ${folder}`);
