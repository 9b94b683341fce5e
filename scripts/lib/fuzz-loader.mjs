// Module hooks of the fuzzer: TypeScript sources of this repository are compiled and, like ts-mls, get a counter at every branch.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { transformSync } from "esbuild";
import { instrument } from "./instrument.mjs";

/** Strings that programs compare with: as words for the fuzzer's inputs. */
const WORD = /"([^"\\\n]{2,40})"/g;

let counters = 0;

export async function load(url, context, nextLoad) {
  if (!url.startsWith("file:")) return nextLoad(url, context);
  const path = fileURLToPath(url);
  const isSource = path.endsWith(".ts");
  const isCounted = isSource ? /\/packages\/[^/]+\/src\//.test(path) : /\/node_modules\/ts-mls\/dist\/.*\.js$/.test(path);
  if (!isSource && !isCounted) return nextLoad(url, context);
  const text = readFileSync(path, "utf8");
  const code = isSource ? transformSync(text, { loader: "ts", format: "esm", target: "es2023", sourcefile: path }).code : text;
  if (!isCounted) return { format: "module", source: code, shortCircuit: true };
  const words = [...new Set(Array.from(code.matchAll(WORD), ([, word]) => word))];
  const source = `${instrument(code, `${path}.js`, () => counters++)}\nfuzzWords(${JSON.stringify(words)});\n`;
  return { format: "module", source, shortCircuit: true };
}
