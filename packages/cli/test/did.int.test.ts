import { Client } from "layr8";
import { afterEach, beforeEach, expect, it, onTestFinished } from "vitest";
import { OUTPUT_SCHEMAS } from "../src/schemas/index.ts";
import { Workplace } from "./parley.ts";

let place: Workplace;

beforeEach(async () => {
  place = await Workplace.create();
});

afterEach(() => place.remove());

it("parley did resolve prints the document of an agent and of a key, and parley inspect what the agent discloses", async () => {
  const { environment } = await place.dev();
  const client = new Client({ nodeUrl: environment["LAYR8_NODE_URL"], apiKey: environment["LAYR8_API_KEY"] }, () => undefined);
  await client.connect();
  const { code, stdout } = await place.run(["did", "resolve", client.did, "--json"]);
  expect(code).toBe(0);
  expect(OUTPUT_SCHEMAS["did-document"]?.safeParse(JSON.parse(stdout))).toMatchObject({ success: true, data: { id: client.did } });
  await client.close();
  const inspected = await place.run(["inspect", client.did, "--json"]);
  expect(OUTPUT_SCHEMAS["inspected"]?.safeParse(JSON.parse(inspected.stdout))).toMatchObject({
    success: true,
    data: {
      did: client.did,
      endpoints: [expect.stringContaining("/didcomm")],
      protocols: expect.arrayContaining(["https://didcomm.org/trust-ping/2.0"]),
    },
  });
  expect(inspected.code).toBe(0);
  const nobody = await place.run(["inspect", client.did.replace(/[^:]+$/, "nobody"), "--json"]);
  expect(JSON.parse(nobody.stdout)).toMatchObject({
    keys: [],
    documentProblem: { code: "not_found" },
    protocolsProblem: { code: expect.any(String) },
  });
  expect(nobody.code).toBe(3);
  const key = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
  expect(JSON.parse((await place.run(["did", "resolve", key])).stdout)).toMatchObject({ id: key });
  expect((await place.run(["did", "resolve", client.did.replace(/[^:]+$/, "nobody")])).code).toBe(3);
});

/** The exit code, and what `--json` printed, or the error. */
async function look(...args: string[]): Promise<{ readonly code: number | null; readonly output: Record<string, unknown> }> {
  const { code, stdout, stderr } = await place.run([...args, "--json"]);
  return { code, output: JSON.parse(stdout === "" ? (stderr.trim().split("\n").at(-1) ?? "") : stdout) as Record<string, unknown> };
}

it("documents below localhost are those of the node of the settings", { timeout: 120_000 }, async () => {
  const { environment } = await place.dev("--memory", "--no-admin");
  const { LAYR8_NODE_URL: nodeUrl = "", LAYR8_API_KEY: apiKey = "" } = environment;
  const did = "did:web:localhost:greeter";
  const greeter = new Client({ nodeUrl, apiKey, agentDid: did }, () => undefined);
  await greeter.connect();
  onTestFinished(() => greeter.close());
  expect(await look("did", "resolve", did)).toMatchObject({ code: 0, output: { id: did } });
  const inspected = await look("inspect", did);
  expect(inspected).toMatchObject({
    code: 0,
    output: { protocols: expect.arrayContaining(["https://didcomm.org/trust-ping/2.0"]) as unknown },
  });
  expect(inspected.output).not.toHaveProperty("documentProblem");
  expect(inspected.output["keys"]).not.toEqual([]);
  const { origin } = new URL(nodeUrl.replace(/^ws/, "http"));
  expect(await look("did", "resolve", "did:web:localhost:nobody")).toMatchObject({
    code: 3,
    output: { error: { code: "not_found", message: `The node at ${origin} has no document for this DID` } },
  });
  expect(await look("did", "resolve", did, "--context", "unknown")).toMatchObject({
    code: 2,
    output: { error: { code: "unknown_context" } },
  });
});

it("with two nodes, those of both", { timeout: 240_000 }, async () => {
  const dev = await place.dev("--two-nodes", "--memory", "--no-admin");
  const [, secondUrl = ""] = /Second node: LAYR8_NODE_URL=(\S+)/.exec(dev.stderr()) ?? [];
  const { LAYR8_NODE_URL: nodeUrl = "", LAYR8_API_KEY: apiKey = "" } = dev.environment;
  const own = "did:web:localhost:boss";
  const partner = "did:web:partner.localhost:worker";
  const clients = [new Client({ nodeUrl, apiKey, agentDid: own }, () => undefined)];
  clients.push(new Client({ nodeUrl: secondUrl, apiKey, agentDid: partner }, () => undefined));
  onTestFinished(async () => void (await Promise.all(clients.map((client) => client.close()))));
  await Promise.all(clients.map((client) => client.connect()));
  const second = { LAYR8_NODE_URL: secondUrl, LAYR8_API_KEY: apiKey, LAYR8_AGENT_DID: partner };
  for (const did of [own, partner]) {
    for (const env of [{}, second]) {
      const { code, stdout } = await place.run(["did", "resolve", did], { env });
      expect([code, (JSON.parse(stdout) as { id: string }).id]).toEqual([0, did]);
    }
  }
  const signed = await place.run(["credentials", "sign", '{"credentialSubject":{"member":"acme"}}', "--revocable"], { env: second });
  const verified = await place.run(["credentials", "verify", signed.stdout.trim(), "--local"]);
  expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining(partner) as unknown });
});

it("parley did resolve ends with the exit code of the kind of failure", async () => {
  expect(await place.run(["did", "resolve", "nonsense"])).toMatchObject({ code: 2, stdout: "" });
  expect((await place.run(["did", "resolve", "did:web:localhost%3A9:a"])).code).toBe(5);
});
