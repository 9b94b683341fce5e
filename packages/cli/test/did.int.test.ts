import { Client } from "layr8";
import { afterEach, beforeEach, expect, it } from "vitest";
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

it("parley did resolve ends with the exit code of the kind of failure", async () => {
  expect(await place.run(["did", "resolve", "nonsense"])).toMatchObject({ code: 2, stdout: "" });
  expect((await place.run(["did", "resolve", "did:web:localhost%3A9:a"])).code).toBe(5);
});
