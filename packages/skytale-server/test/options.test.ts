import { describe, expect, it } from "vitest";
import { startSkytale } from "../src/server.ts";

const start = async (options: object): Promise<void> => {
  const server = await startSkytale({ port: 0, relayPort: 0, logger: false, ...options });
  await server.close();
};

describe("startSkytale's options", () => {
  it.each<[options: object, message: string]>([
    [{ datadir: "x" }, 'Unknown option "datadir". Did you mean "dataDir"? Valid options: port,'],
    [{ relayport: 1 }, 'Unknown option "relayport". Did you mean "relayPort"?'],
    [{ port: "5000" }, 'Option "port" must be an integer from 0 to 65535, not a string'],
    [{ relayPort: 70_000 }, 'Option "relayPort" must be an integer from 0 to 65535, not 70000'],
    [{ host: 7 }, 'Option "host" must be a string'],
    [{ signup: "never" }, 'Option "signup" must be "open" or "closed", not "never"'],
    [{ trustProxy: "yes" }, 'Option "trustProxy" must be a number of proxies from 0 to 16, or a list of their addresses and networks'],
    [{ tls: "cert.pem" }, 'Option "tls" must be an object, not a string'],
    [{ tls: { certfile: "x", keyFile: "y" } }, 'Unknown option "tls.certfile". Did you mean "tls.certFile"?'],
    [{ tls: { certFile: "x" } }, 'Option "tls.keyFile" is missing: it must be a string that is not empty'],
    [{ retention: { maxEntrys: 1 } }, 'Unknown option "retention.maxEntrys". Did you mean "retention.maxEntries"?'],
    [{ limits: { relais: {} } }, 'Unknown option "limits.relais". Did you mean "limits.relay"?'],
    [{ limits: { api: { maxAcounts: 1 } } }, 'Unknown option "limits.api.maxAcounts". Did you mean "limits.api.maxAccounts"?'],
    [{ limits: { relay: { maxStreams: "1" } } }, 'Option "limits.relay.maxStreams" must be an integer greater than 0, not a string'],
    [{ limits: { relay: { maxStreams: 1.5 } } }, 'Option "limits.relay.maxStreams" must be an integer greater than 0, not 1.5'],
    [{ limits: { relay: { maxFrameBytes: 1 } } }, 'Option "limits.relay.maxFrameBytes" must be at least twice maxPayloadBytes'],
    [{ limits: { api: { tokenTtlMs: 4_000_000 } } }, 'Option "limits.api.tokenTtlMs" must not be more than an hour'],
    [{ retention: { maxEntries: 0.5 } }, 'Option "retention.maxEntries" must be an integer greater than 0, not 0.5'],
    [{ logger: 1 }, 'Option "logger" must be a pino logger, or false, not 1'],
  ])("are rejected: %j", async (options, message) => {
    await expect(start(options)).rejects.toThrow(TypeError);
    await expect(start(options)).rejects.toThrow(message);
  });

  it("of accounts and keys are not read once the server is closed", async () => {
    const server = await startSkytale({ port: 0, relayPort: 0, logger: false });
    await server.close();
    const closed = { name: "StorageError", code: "closed", message: "The server is closed", retryable: false };
    await expect(server.createAccount({ email: "a@example.com", name: "a" })).rejects.toMatchObject(closed);
    await expect(server.createApiKey("x")).rejects.toMatchObject(closed);
    await expect(server.revokeApiKey("x")).rejects.toMatchObject(closed);
    await expect(server.listApiKeys("x")).rejects.toMatchObject(closed);
    await expect(server.listAccounts({ limit: 1 })).rejects.toMatchObject(closed);
  });

  it("are rejected in createAccount and createApiKey, too", async () => {
    const server = await startSkytale({ port: 0, relayPort: 0, logger: false });
    const account = { email: "a@example.com", name: "a" };
    await expect(server.createAccount({ ...account, nmae: "b" } as never)).rejects.toThrow('Did you mean "name"?');
    await expect(server.createAccount({ email: "a@example.com" } as never)).rejects.toThrow("name: must have 1 to 200 characters");
    await expect(server.createAccount({ name: "a" } as never)).rejects.toThrow("email: is not an email address");
    await expect((server.createAccount as () => Promise<unknown>)()).rejects.toThrow("An account needs options such as { email:");
    const { id } = await server.createAccount(account);
    await expect(server.createApiKey(id, { mode: "prod" } as never)).rejects.toThrow('Option "mode" must be "live" or "test"');
    await server.close();
  });
});
