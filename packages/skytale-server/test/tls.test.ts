import { once } from "node:events";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { request } from "node:https";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { RelayClient } from "@parley/skytale-relay";
import { expect, it } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import { startSkytale } from "../src/server.ts";
import { CERTIFICATE, PRIVATE_KEY } from "./certificate.ts";

async function call(url: string, method: string, key: string | undefined): Promise<Record<string, unknown>> {
  const sent = request(url, { method, ca: CERTIFICATE, headers: { authorization: `Bearer ${key}` } });
  sent.end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return JSON.parse((await response.setEncoding("utf8").toArray()).join("")) as Record<string, unknown>;
}

it("both ports use TLS if a certificate is configured", async () => {
  const folder = await temporaryDirectory();
  const tls = { certFile: join(folder.path, "cert.pem"), keyFile: join(folder.path, "key.pem") };
  await writeFile(tls.certFile, CERTIFICATE);
  await writeFile(tls.keyFile, PRIVATE_KEY);
  const server = await startSkytale({ port: 0, relayPort: 0, logger: false, tls });
  const token = async (): Promise<string> => String((await call(`${server.apiUrl}/v1/tokens`, "POST", server.apiKey))["token"]);
  const client = new RelayClient({ url: server.relayUrl, token, ca: Buffer.from(CERTIFICATE) });
  try {
    expect(server.apiUrl).toMatch(/^https:/);
    expect(server.relayUrl).toMatch(/^https:/);
    expect(await call(`${server.apiUrl}/v1/accounts/me`, "GET", server.apiKey)).toMatchObject({ name: "operator" });
    const heads = await client.heads(["acme/team/general"]).catch((error: { code: string }) => error.code);
    expect(heads).toBe("permission_denied");
    await expect(fetch(server.apiUrl.replace("https", "http"))).rejects.toThrow(TypeError);
  } finally {
    await client.close();
    await server.close();
    await folder.remove();
  }
});

it("a certificate that can't be read keeps a server from starting", async () => {
  const tls = { certFile: "/does/not/exist.pem", keyFile: "/does/not/exist.pem" };
  await expect(startSkytale({ port: 0, relayPort: 0, logger: false, tls })).rejects.toThrow(
    new TypeError("tls.certFile /does/not/exist.pem cannot be read: no such file or directory"),
  );
});

it("reports invalid certificate and key files before anything is written", async () => {
  const folder = await temporaryDirectory();
  const tls = { certFile: join(folder.path, "cert.pem"), keyFile: join(folder.path, "key.pem") };
  const start = () => startSkytale({ port: 0, relayPort: 0, logger: false, tls, dataDir: join(folder.path, "data") });
  try {
    await writeFile(tls.certFile, "no PEM");
    await writeFile(tls.keyFile, PRIVATE_KEY);
    await expect(start()).rejects.toThrow(`tls.certFile ${tls.certFile} and tls.keyFile ${tls.keyFile} must be a certificate`);
    await writeFile(tls.certFile, CERTIFICATE);
    await writeFile(tls.keyFile, CERTIFICATE);
    await expect(start()).rejects.toThrow(TypeError);
    expect(existsSync(join(folder.path, "data"))).toBe(false);
  } finally {
    await folder.remove();
  }
});
