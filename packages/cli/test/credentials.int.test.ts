import { startNode, type Layr8Node } from "@parley/layr8-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OUTPUT_SCHEMAS } from "../src/schemas/index.ts";
import { Workplace } from "./parley.ts";

let place: Workplace;
let node: Layr8Node;
let env: Record<string, string>;
let did: string;

beforeAll(async () => {
  [place, node] = await Promise.all([Workplace.create(), startNode({ port: 0, logger: false })]);
  did = `did:web:localhost%3A${node.port}:me`;
  env = { LAYR8_NODE_URL: node.url, LAYR8_API_KEY: node.apiKey ?? "", LAYR8_AGENT_DID: did };
}, 60_000);

afterAll(async () => {
  await Promise.all([place.remove(), node.close()]);
});

/** The output of a command that succeeds, which the published schema describes. */
async function run(schema: string, args: readonly string[], input?: string): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await place.run(["credentials", ...args, "--json"], { env, ...(input !== undefined && { input }) });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const value = JSON.parse(stdout) as Record<string, unknown>;
  expect(OUTPUT_SCHEMAS[schema]?.safeParse(value)).toMatchObject({ success: true });
  return value;
}

describe("credentials by command", { timeout: 120_000 }, () => {
  it("signs, verifies by the node and locally, stores, lists and shows", async () => {
    const { signed } = await run("signed-credential", ["sign", '{"credentialSubject":{"member":"acme"}}']);
    const text = String(signed);
    const content = { issuer: did, credentialSubject: { member: "acme" } };
    expect(await run("verified-credential", ["verify", text])).toMatchObject({ credential: content });
    expect(await run("verified-credential", ["verify", "-", "--local"], text)).toMatchObject({ credential: content });
    const stored = await run("stored-credential", ["store", text]);
    expect(stored).toMatchObject({ holder: did, issuer: did, signed });
    expect(await run("wallet", ["list"])).toEqual({ credentials: [stored] });
    expect(await run("stored-credential", ["show", String(stored["id"])])).toEqual(stored);
  });

  it("suspends, resumes and revokes what was signed as revocable", async () => {
    const { signed } = await run("signed-credential", ["sign", '{"credentialSubject":{"member":"acme"}}', "--revocable"]);
    const text = String(signed);
    const verified = async (): Promise<number | null> => {
      return (await place.run(["credentials", "verify", text, "--local", "--json"], { env })).code;
    };
    expect(await run("credential-status", ["status", text, "suspended"])).toEqual({ status: "suspended" });
    expect(await verified()).toBe(1);
    expect(await run("credential-status", ["status", "-", "valid"], text)).toEqual({ status: "valid" });
    expect(await verified()).toBe(0);
    expect(await run("credential-status", ["status", text, "revoked"])).toEqual({ status: "revoked" });
    const { code, stderr } = await place.run(["credentials", "verify", text, "--local", "--json"], { env });
    expect(code).toBe(1);
    expect(stderr).toContain('"code":"revoked"');
  });

  it("reports the code of an invalid credential, and what is missing", async () => {
    const failure = async (args: readonly string[], variables = env): Promise<object> => {
      const { code, stderr } = await place.run(["credentials", ...args, "--json"], { env: variables });
      return { code, error: (JSON.parse(stderr.trim().split("\n").at(-1) ?? "") as { error: { code: string } }).error.code };
    };
    const { signed } = await run("signed-credential", ["sign", '{"credentialSubject":{"member":"acme"}}']);
    const [head, , signature] = String(signed).split(".");
    const other = (await run("signed-credential", ["sign", '{"credentialSubject":{"member":"other"}}']))["signed"];
    const forged = [head, String(other).split(".")[1], signature].join(".");
    expect(await failure(["verify", forged, "--local"])).toEqual({ code: 1, error: "signature_invalid" });
    expect(await failure(["verify", forged])).toEqual({ code: 1, error: "signature_invalid" });
    expect(await failure(["sign", '{"subject":{}}'])).toEqual({ code: 2, error: "usage" });
    expect(await failure(["show", "unknown"])).toEqual({ code: 3, error: "credential_unknown" });
    const { LAYR8_AGENT_DID: _did, ...withoutDid } = env;
    expect(await failure(["list"], withoutDid)).toEqual({ code: 2, error: "did_missing" });
  });
});
