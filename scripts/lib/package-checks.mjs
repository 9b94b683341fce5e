// Checks of a packed package that need no installation.
import { readFileSync } from "node:fs";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { problemAffectsResolutionKind, problemKindInfo } from "@arethetypeswrong/core/problems";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

/** Resolutions that the packages, which are ES modules only, need not support. */
const UNSUPPORTED = ["node10", "node16-cjs"];
const RESOLUTIONS = ["node10", "node16-cjs", "node16-esm", "bundler"].filter((kind) => !UNSUPPORTED.includes(kind));

/** What publint and arethetypeswrong find in a tarball: one line for each problem. */
export async function checkTarball(path) {
  const bytes = new Uint8Array(readFileSync(path));
  const { messages, pkg } = await publint({ pack: { tarball: bytes.buffer }, strict: true });
  const analysis = await checkPackage(createPackageFromTarballData(bytes));
  const wrongTypes = analysis.types === false ? ["it has no types"] : analysis.problems.filter((problem) => matters(problem, analysis));
  return [
    ...messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false })}`),
    ...wrongTypes.map((problem) => `arethetypeswrong: ${describe(problem)}`),
  ];
}

function matters(problem, analysis) {
  return RESOLUTIONS.some((kind) => problemAffectsResolutionKind(problem, kind, analysis));
}

function describe(problem) {
  if (typeof problem === "string") return problem;
  const { kind, ...details } = problem;
  return `${problemKindInfo[kind].shortDescription} ${JSON.stringify(details)}`;
}
