import { availableParallelism } from "node:os";
import { defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";
import { fakeTimerTests } from "./scripts/lib/fake-timer-tests.ts";

// Tests import the workspace's packages as sources, so that a test never runs against a stale build.
// `module` is left out, as Node does: builds for bundlers have imports that Node does not resolve.
const conditions = ["@parley/source", ...defaultServerConditions.filter((condition) => condition !== "module")];
const roots = "{packages,apps,testing}/*/{src,test}";

const UNIT = [`${roots}/**/*.test.ts`, "scripts/**/*.test.mjs"];
const INTEGRATION = [`${roots}/**/*.int.test.ts`];

const FAKE_TIMERS = fakeTimerTests();
const NOT_UNIT = ["**/*.int.test.ts", "**/*.site.test.ts", "**/node_modules/**"];

const seeded = process.env["PARLEY_SEED"] === undefined ? [] : ["testing/assertions/src/seeded-properties.ts"];

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
    // Files share their workers: importing modules again for each file takes longer than its tests.
    isolate: false,
    setupFiles: [...seeded, "testing/assertions/src/unchanged-process.ts"],
    projects: [
      { extends: true, test: { name: "unit", include: UNIT, exclude: [...NOT_UNIT, ...FAKE_TIMERS] } },
      { extends: true, test: { name: "unit-fake-timers", include: FAKE_TIMERS, isolate: true } },
      { extends: true, test: { name: "integration", include: INTEGRATION } },
      // Needs the built docs site: see `npm run docs:test`.
      { extends: true, test: { name: "site", include: [`${roots}/**/*.site.test.ts`] } },
    ],
    coverage: {
      provider: "v8",
      include: ["{packages,apps}/*/src/**/*.ts"],
    },
  },
});
