import { createMemoryLink } from "@parley/core/memory";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Client, logErrors, type Config } from "../src/index.ts";

const { left } = createMemoryLink();

afterEach(() => vi.unstubAllEnvs());

describe("the environment", () => {
  it("supplies what the config leaves out or leaves empty", () => {
    vi.stubEnv("LAYR8_NODE_URL", "ws://127.0.0.1:1/plugin_socket/websocket");
    vi.stubEnv("LAYR8_API_KEY", "key");
    vi.stubEnv("LAYR8_AGENT_DID", "did:web:localhost:me");
    expect(new Client({}, logErrors()).did).toBe("did:web:localhost:me");
    expect(new Client({ agentDid: "", nodeUrl: "" }, logErrors()).did).toBe("did:web:localhost:me");
    expect(new Client({ agentDid: "did:web:localhost:other" }, logErrors()).did).toBe("did:web:localhost:other");
  });

  it("gives the endpoint to a transport of the application's own", () => {
    vi.stubEnv("LAYR8_NODE_URL", "ws://node");
    vi.stubEnv("LAYR8_API_KEY", "key");
    const transport = vi.fn<() => typeof left>(() => left);
    expect(new Client({ transport }, logErrors())).toBeInstanceOf(Client);
    expect(transport).toHaveBeenCalledExactlyOnceWith({ nodeUrl: "ws://node", apiKey: "key" });
  });

  it.each([
    ["nodeUrl", "LAYR8_NODE_URL", { apiKey: "key" }],
    ["apiKey", "LAYR8_API_KEY", { nodeUrl: "ws://node" }],
  ])("is named in the error where %s is missing", (member, variable, config) => {
    vi.stubEnv("LAYR8_NODE_URL", "");
    vi.stubEnv("LAYR8_API_KEY", "");
    expect(() => new Client(config, logErrors())).toThrow(new RegExp(`Config.${member} is missing: pass it or set ${variable}`));
  });

  it("is named in the error for an invalid DID, without the value", () => {
    vi.stubEnv("LAYR8_AGENT_DID", "l8_secret");
    const config = { nodeUrl: "ws://node", apiKey: "key" };
    expect(() => new Client(config, logErrors())).toThrow(
      new TypeError('LAYR8_AGENT_DID must be a DID such as "did:web:example.com:alice", or not be set'),
    );
    expect(new Client({ ...config, agentDid: "did:web:localhost:me" }, logErrors()).did).toBe("did:web:localhost:me");
  });

  it("may have white space around its values, as files have", () => {
    vi.stubEnv("LAYR8_NODE_URL", "ws://node\n");
    vi.stubEnv("LAYR8_API_KEY", " key\r\n");
    vi.stubEnv("LAYR8_AGENT_DID", "did:web:localhost:me\n");
    const transport = vi.fn<() => typeof left>(() => left);
    expect(new Client({ transport }, logErrors()).did).toBe("did:web:localhost:me");
    expect(transport).toHaveBeenCalledExactlyOnceWith({ nodeUrl: "ws://node", apiKey: "key" });
  });

  it.each<[unknown, RegExp]>([
    [{ apikey: "k" }, /Unknown option "apikey"\. Did you mean "apiKey"\?/],
    [{ agent_did: "did:web:localhost:a" }, /Did you mean "agentDid"\?/],
    [{ timeout: 5 }, /Unknown option "timeout"/],
    [{ credentials: { timeout_ms: 5 } }, /Did you mean "credentials\.timeoutMs"\?/],
    [{ credentials: { did: "did:web:localhost:a" } }, /Unknown option "credentials\.did"/],
    [{ apiKey: 5 }, /Config\.apiKey must be a string, not 5/],
    [{ nodeUrl: new URL("ws://node") }, /Config\.nodeUrl must be a string, not a URL/],
    [undefined, /needs a Config as its first argument/],
    ["ws://node", /needs a Config/],
  ])("is not read for an invalid config: %j", (config, problem) => {
    vi.stubEnv("LAYR8_NODE_URL", "ws://node");
    vi.stubEnv("LAYR8_API_KEY", "key");
    expect(() => new Client(config as Config, logErrors())).toThrow(problem);
  });

  it("is not needed where a transport is shared", () => {
    vi.stubEnv("LAYR8_NODE_URL", "");
    expect(new Client({ transport: left }, logErrors())).toBeInstanceOf(Client);
  });
});
