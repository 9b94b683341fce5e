import { describeUnless } from "@parley/test-assertions";
import { afterEach, beforeEach, expect, it } from "vitest";
import { missingPython } from "../src/index.ts";
import { GENERATIONS, REPORT, Scene } from "./scene.ts";

const TOOLS = "did:web:localhost:tools";
const CALLER = "did:web:localhost:caller";
const OWNER = "did:web:localhost:owner";
const MCP = "https://layr8.io/protocols/mcp/1.0";

describeUnless(missingPython(), "MCP over DIDComm with agents of layr8's SDKs", () => {
  let scene: Scene;

  beforeEach(async () => {
    scene = await Scene.open({ policies: [{ did: "did:web:localhost:guarded", protocols: [MCP], grantIssuers: [OWNER] }] });
  });

  afterEach(() => scene.close());

  it.each(GENERATIONS)("calls of %s reach tools of Parley's SDK", async (generation) => {
    const server = scene.client(TOOLS);
    const mcp = server.mcp();
    mcp.handle("initialize", () => ({ protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "parley", version: "1" } }));
    mcp.handle("tools/list", () => ({ tools: [{ name: "add" }] }));
    mcp.handle("tools/call", (params, from) => ({ content: [{ type: "text", text: `${(params as { name: string }).name} for ${from}` }] }));
    await server.connect();
    const caller = await scene.double({ generation, did: CALLER, mcp: [] });
    const call = (method: string, params?: object): Promise<unknown> => caller.call("call", { peer: TOOLS, method, params });
    expect(await call("initialize", { clientInfo: { name: "double" } })).toMatchObject({ result: { serverInfo: { name: "parley" } } });
    expect(await call("tools/list")).toMatchObject({ result: { tools: [{ name: "add" }] } });
    expect(await call("tools/call", { name: "add", arguments: {} })).toMatchObject({
      result: { content: [{ text: `add for ${CALLER}` }] },
    });
    expect(await call("resources/list")).toMatchObject({ error: { code: -32_601 } });
  });

  it.each(GENERATIONS)("calls of Parley's SDK reach tools of %s", async (generation) => {
    await scene.double({ generation, did: TOOLS, mcp: ["add", "subtract"] });
    const caller = scene.client(CALLER);
    const peer = caller.mcp().peer(TOOLS);
    await caller.connect();
    expect(await peer.initialize({ clientInfo: { name: "test" } })).toMatchObject({ serverInfo: { name: "double" } });
    expect(await peer.listTools()).toMatchObject([{ name: "add" }, { name: "subtract" }]);
    expect(await peer.callTool("add", { a: 1 })).toEqual({ content: [{ type: "text", text: "add [('a', 1)]" }] });
    await expect(peer.callTool("divide")).rejects.toMatchObject({ rpcCode: -32_602, message: "unknown tool divide" });
  });

  it("a call without a grant is denied, and answered once the node stores one for the caller", async () => {
    await scene.double({ did: "did:web:localhost:guarded", mcp: ["add"] });
    const owner = await scene.double({ did: OWNER });
    const caller = await scene.double({ did: CALLER, mcp: [] });
    const call = { peer: "did:web:localhost:guarded", method: "tools/call", params: { name: "add", arguments: {} }, grants: true };
    expect(await caller.call("call", call)).toMatchObject({ report: { type: REPORT, body: { code: "e.m.authz.denied" } } });
    expect(await caller.event("grant-miss")).toMatchObject({ denialCode: "e.m.authz.denied", type: `${MCP}/tools-call` });
    const credential = {
      "@context": ["https://www.w3.org/ns/credentials/v2"],
      id: "urn:x:grant",
      issuer: OWNER,
      type: ["VerifiableCredential", "VerifiableGrant"],
      credentialSubject: { id: CALLER, scope: [{ protocol: MCP, messageTypes: ["tools-call"] }], grant: { tools: ["add"] } },
    };
    await owner.call("store", { jwt: await owner.call("sign", { credential }), holder: CALLER });
    expect(await caller.call("call", call)).toMatchObject({ result: { content: [{ text: "add []" }] } });
  });
});
