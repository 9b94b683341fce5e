import { availableParallelism } from "node:os";
import { defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";
import { pureTests } from "./scripts/lib/pure-tests.ts";

// Tests import the workspace's packages as sources, so that a test never runs against a stale build.
const conditions = ["@parley/source", ...defaultServerConditions];
const roots = "{packages,apps,testing}/*/{src,test}";
const pure = pureTests();

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // One more than cores: files wait for processes, sockets and the disk for a part of their time.
    maxWorkers: availableParallelism() + 1,
    // Protection against hanging only: on a busy machine everything takes many times as long as alone. A heavy test declares more.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 60_000,
    expect: { poll: { timeout: 60_000 } },
    setupFiles: process.env["PARLEY_SEED"] === undefined ? [] : ["testing/assertions/src/seeded-properties.ts"],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: [`${roots}/**/*.test.ts`, "scripts/**/*.test.mjs"],
          exclude: ["**/*.int.test.ts", "**/*.site.test.ts", "**/node_modules/**", ...pure],
        },
      },
      {
        extends: true,
        test: {
          // Each file imports its modules in a worker of its own, except for these.
          name: "unit-pure",
          include: pure,
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: [`${roots}/**/*.int.test.ts`],
        },
      },
      {
        extends: true,
        test: {
          // Needs the built docs site: see `npm run docs:test`.
          name: "site",
          include: [`${roots}/**/*.site.test.ts`],
        },
      },
    ],
    coverage: {
      provider: "v8",
      include: ["{packages,apps}/*/src/**/*.ts"],
    },
  },
});
