import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fromEnvironment } from "../src/env.ts";

const VARIABLES = ["SKYTALE_RELAY", "SKYTALE_API_URL", "SKYTALE_API_KEY", "SKYTALE_DATA_DIR"];

beforeEach(() => {
  for (const name of VARIABLES) vi.stubEnv(name, "");
});
afterEach(() => vi.unstubAllEnvs());

describe("the environment", () => {
  it("supplies what the options leave out or leave empty", () => {
    const dataDir = join(tmpdir(), "somewhere");
    vi.stubEnv("SKYTALE_RELAY", "http://127.0.0.1:5000");
    vi.stubEnv("SKYTALE_API_URL", "http://127.0.0.1:5100");
    vi.stubEnv("SKYTALE_API_KEY", "sk_live_1");
    vi.stubEnv("SKYTALE_DATA_DIR", dataDir);
    const expected = {
      identity: "alice",
      endpoint: "http://127.0.0.1:5000",
      apiUrl: "http://127.0.0.1:5100",
      apiKey: "sk_live_1",
      dataDir,
    };
    expect(fromEnvironment({ identity: "alice" })).toEqual(expected);
    expect(fromEnvironment({ identity: "alice", endpoint: "", apiKey: "", apiUrl: "", dataDir: "" })).toEqual(expected);
  });

  it("gives way to the options", () => {
    for (const name of VARIABLES) vi.stubEnv(name, "from the environment");
    const options = { identity: "alice", endpoint: "http://relay", apiUrl: "http://api", apiKey: "sk_live_2", dataDir: "here" };
    expect(fromEnvironment(options)).toEqual(options);
  });

  it("has defaults for the servers, and none for the key", () => {
    expect(fromEnvironment({ identity: "alice" })).toEqual({
      identity: "alice",
      endpoint: "https://relay.skytale.sh:5000",
      dataDir: undefined,
    });
    expect(fromEnvironment({ identity: "alice", apiKey: "sk_live_1" })).toMatchObject({ apiUrl: "https://api.skytale.sh" });
  });
});
