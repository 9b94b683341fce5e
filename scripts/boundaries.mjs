// Checks that packages depend on each other in one direction only, and on nothing that they should not know; that files do not import each
// other in a cycle; and that packages do not export different classes of one name.
// Run: npm run boundaries
import { pathToFileURL } from "node:url";
import { checkFile } from "./lib/boundary-files.mjs";
import { checkManifests } from "./lib/boundary-manifests.mjs";
import { checkExportedClasses } from "./lib/exported-classes.mjs";
import { checkImportCycles } from "./lib/import-cycles.mjs";
import { parseSource } from "./lib/source.mjs";
import { filesBelow, members, repository } from "./lib/workspace.mjs";

/**
 * What each package may import. `packages`: folders of this workspace; `libraries`: everything else, Node's own modules aside.
 * A new package starts with a line here.
 */
export const RULES = {
  core: { packages: [], libraries: [] },
  storage: { packages: ["core"], libraries: [] },
  "storage-lmdb": { packages: ["core", "storage"], libraries: ["lmdb"] },
  jetstream: {
    packages: ["core", "storage"],
    libraries: ["@nats-io/transport-node", "@nats-io/nats-core", "@nats-io/jetstream"],
  },
  "server-kit": {
    packages: ["core", "storage", "storage-lmdb"],
    libraries: ["@fastify/swagger", "fastify", "fastify-type-provider-zod", "light-my-request", "pino", "prom-client", "zod"],
  },

  audit: { packages: ["core"], libraries: [] },
  lens: { packages: ["core"], libraries: [] },
  otel: { packages: ["core"], libraries: ["@opentelemetry/api"] },
  admin: { packages: ["core", "lens", "server-kit"], libraries: ["fastify"] },
  // Its page is bundled at build time, and has of these packages only types and the filter language.
  console: { packages: ["admin", "lens", "server-kit"], libraries: ["preact", "@preact/signals", "@tanstack/virtual-core", "pino"] },

  "transport-phoenix": { packages: ["core"], libraries: ["phoenix", "ws"] },
  did: { packages: ["core"], libraries: ["@noble/curves", "@scure/base", "did-resolver"] },
  vc: { packages: ["core", "did"], libraries: ["@scure/base", "canonicalize", "@noble/curves"] },
  "mls-engine": {
    packages: ["core", "storage"],
    libraries: ["ts-mls", "@noble/ciphers", "@noble/curves", "@noble/hashes"],
  },
  "didcomm-crypto": { packages: ["core", "did"], libraries: ["@noble/ciphers"] },
  "skytale-relay": { packages: ["core"], libraries: ["@grpc/grpc-js", "@bufbuild/protobuf"] },
  "envelope-and-adapters": { packages: ["core"], libraries: ["@a2a-js/sdk", "@modelcontextprotocol/sdk"] },

  "didcomm-agent": { packages: ["core"], libraries: ["@standard-schema/spec"] },
  "credentials-client": { packages: ["core", "did", "vc"], libraries: [] },
  channels: { packages: ["core", "audit", "did", "mls-engine", "skytale-relay", "envelope-and-adapters"], libraries: [] },
  "protocol-bridge": { packages: ["core", "envelope-and-adapters"], libraries: [] },

  "layr8-node": {
    packages: ["core", "audit", "did", "didcomm-crypto", "vc", "server-kit", "console", "storage", "storage-lmdb", "jetstream"],
    libraries: ["ws", "fastify", "light-my-request", "@fastify/swagger", "fastify-type-provider-zod", "zod", "pino", "prom-client"],
  },
  "skytale-server": {
    packages: ["core", "skytale-relay", "server-kit", "console", "storage", "storage-lmdb", "jetstream"],
    libraries: [
      "@grpc/grpc-js",
      "@bufbuild/protobuf",
      "fastify",
      "light-my-request",
      "@fastify/swagger",
      "fastify-type-provider-zod",
      "zod",
      "jose",
      "pino",
      "prom-client",
    ],
  },

  cli: {
    packages: [
      "core",
      "audit",
      "storage",
      "server-kit",
      "admin",
      "console",
      "layr8-node",
      "skytale-server",
      "layr8",
      "skytale",
      "skytale-relay",
      "did",
      "credentials-client",
    ],
    libraries: ["commander", "pino", "zod"],
  },

  layr8: {
    packages: ["core", "storage", "transport-phoenix", "didcomm-agent", "credentials-client", "did", "didcomm-crypto", "vc"],
    libraries: [],
    meta: true,
  },
  skytale: {
    packages: ["core", "lens", "channels", "mls-engine", "skytale-relay", "envelope-and-adapters", "protocol-bridge"],
    libraries: ["@a2a-js/sdk"],
    meta: true,
  },
};

/**
 * Packages that must never reach one another, not even through others: a relay can't read what it can't decrypt, and the SDKs install no
 * native addon.
 */
export const NEVER = [
  { from: "skytale-relay", to: "mls-engine" },
  { from: "skytale-server", to: "mls-engine" },
  { from: "layr8", to: "storage-lmdb" },
  { from: "skytale", to: "storage-lmdb" },
  { from: "layr8", to: "jetstream" },
  { from: "skytale", to: "jetstream" },
];

/** All violations below a root, as sentences with the remedy. */
export function checkBoundaries(root = repository) {
  const all = members(root);
  const problems = checkManifests(all, { rules: RULES, never: NEVER });
  for (const member of all) {
    const sources = filesBelow(member.dir, /\.[cm]?[jt]sx?$/).map(parseSource);
    for (const source of sources) problems.push(...checkFile(source, member, { all, rules: RULES, root }));
    problems.push(...checkImportCycles(sources, root));
  }
  problems.push(...checkExportedClasses(all, { rules: RULES, root }));
  return problems;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const problems = checkBoundaries();
  for (const problem of problems) console.log(problem);
  console.log(problems.length === 0 ? "Package boundaries hold." : `\n${problems.length} violation(s) of the package boundaries.`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
