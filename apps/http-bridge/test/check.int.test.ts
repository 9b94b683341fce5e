import { fileURLToPath } from "node:url";
import { App, withNode } from "@parley/app-testing";
import { Client, logErrors, ProblemReportError } from "layr8";
import { expect, it } from "vitest";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const SUM = "https://layr8.io/protocols/sum/1.0";

it("translates REST calls to DIDComm requests, and their results to status codes", async () => {
  await withNode(async (env, node) => {
    await using agent = new Client({ nodeUrl: node.url, apiKey: node.apiKey }, logErrors());
    agent.handle(`${SUM}/request`, ({ body }) => {
      if (typeof body["a"] !== "number") throw new ProblemReportError("e.p.msg.no-number", "a must be a number");
      return { type: `${SUM}/response`, body: { sum: body["a"] + Number(body["b"]) } };
    });
    await agent.connect();
    await using bridge = new App(main, [], { ...env, PORT: "0" });
    const url = (await bridge.said("takes REST calls at")).split(" ").at(-1) ?? "";
    const call = async (body: unknown) => {
      const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
      return { status: response.status, body: await response.json() };
    };
    const request = { to: agent.did, type: `${SUM}/request`, body: { a: 1, b: 2 } };
    expect(await call(request)).toEqual({ status: 200, body: { from: agent.did, type: `${SUM}/response`, body: { sum: 3 } } });
    expect(await call({ ...request, body: {} })).toEqual({ status: 502, body: { error: "e.p.msg.no-number: a must be a number" } });
    expect(await call({ ...request, to: "did:web:localhost:nobody" })).toMatchObject({ status: 422 });
    expect(await call({ type: "x" })).toMatchObject({ status: 400 });
    bridge.kill("SIGTERM");
    expect(await bridge.exit()).toBe(0);
  });
});
