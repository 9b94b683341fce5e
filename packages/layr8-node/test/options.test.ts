import { describe, expect, it } from "vitest";
import { startNode } from "../src/node.ts";

const start = async (options: object): Promise<void> => {
  const node = await startNode({ port: 0, logger: false, ...options });
  await node.close();
};

describe("startNode's options", () => {
  it.each<[options: object, message: string]>([
    [{ datadir: "x" }, 'Unknown option "datadir". Did you mean "dataDir"? Valid options: port,'],
    [{ prot: 1 }, 'Unknown option "prot". Did you mean "port"?'],
    [{ port: "4000" }, 'Option "port" must be an integer from 0 to 65535, not a string'],
    [{ port: -1 }, 'Option "port" must be an integer from 0 to 65535, not -1'],
    [{ host: 7 }, 'Option "host" must be a string'],
    [{ dataDir: "" }, 'Option "dataDir" must be a string that is not empty, not an empty string'],
    [{ domain: "https://acme.example" }, 'Option "domain" must be a domain'],
    [{ domain: "localhost:4000" }, 'Option "domain" must be a domain as in a did:web DID, such as acme.example or localhost%3A4000'],
    [{ publicUrl: "acme.example" }, 'Option "publicUrl" must be an http or https URL'],
    [{ publicUrl: "https://me:pass@acme.example" }, 'Option "publicUrl" must be an http or https URL without a user name or password'],
    [
      { apiKeys: [{ key: 1234567890123456, dids: "any" }] },
      'Option "apiKeys[0].key" must be the API key itself, a text such as 32 random bytes in base64, not a number',
    ],
    [{ trustProxy: "yes" }, 'Option "trustProxy" must be a number of proxies from 0 to 16, or a list of their addresses and networks'],
    [{ nodeKey: new Uint8Array(16) }, 'Option "nodeKey" must be a Uint8Array of 32 bytes'],
    [{ apiKeys: {} }, 'Option "apiKeys" must be a list'],
    [{ apiKeys: [7] }, 'Option "apiKeys[0]" must be an object, not a number'],
    [{ apiKeys: [{ key: "x".repeat(16), did: ["did:web:a"] }] }, 'Unknown option "apiKeys[0].did". Did you mean "apiKeys[0].dids"?'],
    [{ apiKeys: [{ key: "x".repeat(16), dids: "any", ephemeral: 1 }] }, 'Option "apiKeys[0].ephemeral" must be true or false'],
    [{ apiKeys: [{}] }, 'Option "apiKeys[0].key" is missing: it must be the API key itself'],
    [{ apiKeys: [{ key: "x".repeat(16) }] }, 'Option "apiKeys[0].dids" is missing: it must be "any", or a list such as'],
    [
      { apiKeys: [{ key: "short", dids: "any" }] },
      "An API key of the configuration (apiKeys, LAYR8_NODE_API_KEY) must be text of 16 to 512 characters",
    ],
    [{ policies: { did: "x" } }, 'Option "policies" must be a list'],
    [{ policies: [{ did: "did:web:a", allows: [] }] }, 'Unknown option "policies[0].allows". Did you mean "policies[0].allow"?'],
    [{ policies: [null] }, 'Option "policies[0]" must be an object, not null'],
    [
      { policies: [{ did: "did:web:a", credentials: [{ type: "X", issuer: ["*"] }] }] },
      'Unknown option "policies[0].credentials[0].issuer". Did you mean "policies[0].credentials[0].issuers"?',
    ],
    [{ resolution: { allowed: [] } }, 'Unknown option "resolution.allowed". Did you mean "resolution.allow"?'],
    [{ resolution: [] }, 'Option "resolution" must be an object, not an array'],
    [{ limits: { maxInflight: 1 } }, 'Unknown option "limits.maxInflight". Did you mean "limits.maxInFlight"?'],
    [{ limits: { maxInFlight: "1" } }, 'Option "limits.maxInFlight" must be an integer greater than 0, not a string'],
    [{ limits: { maxConnections: 1.5 } }, 'Option "limits.maxConnections" must be an integer greater than 0, not 1.5'],
    [{ limits: { idleTimeoutMs: 0 } }, 'Option "limits.idleTimeoutMs" must be a number greater than 0, not 0'],
    [{ logger: true }, 'Option "logger" must be a pino logger, or false, not true'],
  ])("are rejected: %j", async (options, message) => {
    await expect(start(options)).rejects.toThrow(TypeError);
    await expect(start(options)).rejects.toThrow(message);
  });

  it.each([[7], [null], ["x"], [[]]])("must be an object, not %j", async (options) => {
    await expect(startNode(options as never)).rejects.toThrow("Options must be an object");
  });

  it("of a key are not read once the node is closed", async () => {
    const node = await startNode({ port: 0, logger: false });
    await node.close();
    const closed = { name: "StorageError", code: "closed", message: "The node is closed", retryable: false };
    await expect(node.createApiKey({ dids: "any" })).rejects.toMatchObject(closed);
    await expect(node.revokeApiKey("x")).rejects.toMatchObject(closed);
  });

  it("are rejected in createApiKey, too", async () => {
    const node = await startNode({ port: 0, logger: false });
    await expect(node.createApiKey({ dids: "any", ephemral: false } as never)).rejects.toThrow('Did you mean "ephemeral"?');
    await expect(node.createApiKey({ name: 7, dids: "any" } as never)).rejects.toThrow('Option "name" must be a string');
    await node.close();
  });
});
