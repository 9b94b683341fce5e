import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fromEnvironment } from "../src/env.ts";
import { SkytaleChannelManager } from "../src/index.ts";

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

  it("has defaults for the servers, which are reported with the variables that change them, and none for the key", () => {
    const onWarning = vi.fn<(warning: string) => void>();
    expect(fromEnvironment({ identity: "alice", onWarning })).toEqual({
      identity: "alice",
      onWarning,
      endpoint: "https://relay.skytale.sh:5000",
      dataDir: undefined,
    });
    expect(onWarning).toHaveBeenLastCalledWith(
      "using the relay https://relay.skytale.sh:5000 (set SKYTALE_RELAY or endpoint to use another)",
    );
    expect(fromEnvironment({ identity: "alice", apiKey: "sk_live_1", onWarning })).toMatchObject({ apiUrl: "https://api.skytale.sh" });
    expect(onWarning).toHaveBeenLastCalledWith(
      "using the relay https://relay.skytale.sh:5000 (set SKYTALE_RELAY or endpoint to use another) and " +
        "the API server https://api.skytale.sh (set SKYTALE_API_URL or apiUrl to use another)",
    );
    onWarning.mockClear();
    fromEnvironment({ identity: "alice", apiKey: "sk_live_1", onWarning, endpoint: "http://relay", apiUrl: "http://api" });
    expect(onWarning).not.toHaveBeenCalled();
  });

  it("reports default servers in one line on stderr, once per process", () => {
    const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    try {
      fromEnvironment({ identity: "alice", apiKey: "sk_live_1" });
      fromEnvironment({ identity: "bob", apiKey: "sk_live_1" });
      expect(write).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/^skytale: using the relay https:.*\n$/));
    } finally {
      write.mockRestore();
    }
  });

  it("rejects missing options", () => {
    for (const nothing of [undefined, null, "alice"]) {
      expect(() => new SkytaleChannelManager(nothing as never)).toThrow(/takes an options object with an identity/);
    }
  });
});
