import { expect, it } from "vitest";
import { checkNodeVersion } from "../src/check-node-version.ts";

it.each(["12.0.0", "18.20.8", "19.9.0", "20.0.0", "20.18.3"])("rejects Node %s and names the supported versions", (version) => {
  expect(() => checkNodeVersion(version)).toThrow(`Parley needs Node 20.19 or newer; this is ${version}`);
});

it.each(["20.19.0", "20.20.2", "22.12.0", "24.22.3", "26.0.0-nightly", "126.1.0", undefined])("accepts Node %s", (version) => {
  expect(() => checkNodeVersion(version)).not.toThrow();
});
