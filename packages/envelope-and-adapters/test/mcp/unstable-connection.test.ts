import { describe, expect, it } from "vitest";
import { McpChannelTransport } from "../../src/mcp/index.ts";
import { createMemoryPorts } from "../../src/memory/index.ts";
import { clientV1, clientV2, serverV1, serverV2 } from "./official.ts";

const ROUNDS = 12;
const CALLS = 10;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe.each([
  ["v1", clientV1, serverV1],
  ["v2", clientV2, serverV2],
])("official client and server %s over an unstable connection", (_, createClient, createServer) => {
  it("answer every accepted call once and correctly; other calls fail at once", async () => {
    const [ours, theirs] = createMemoryPorts(["client", "server"]);
    const [client, server] = [createClient(), createServer()];
    await server.connect(new McpChannelTransport(theirs, { role: "server" }));
    await client.connect(new McpChannelTransport(ours));
    const call = (round: number, phase: string) =>
      Array.from({ length: CALLS }, (_, index) => {
        const text = `${round} ${phase} ${index}`;
        return client.call("echo", { text }).then(
          (answer) => ({ text, outcome: answer }),
          (error: { readonly code?: string }) => ({ text, outcome: error.code }),
        );
      });
    const taken: { text: string; outcome: unknown }[] = [];
    const refused: { text: string; outcome: unknown }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const before = call(round, "before");
      for (let turns = 0; turns <= round % 3; turns++) await turn();
      if (round % 2 === 0) theirs.cut();
      ours.cut();
      const during = call(round, "during");
      refused.push(...(await Promise.all(during)));
      theirs.restore();
      ours.restore();
      taken.push(...(await Promise.all([...before, ...call(round, "after")])));
    }
    expect(refused.map(({ outcome }) => outcome)).toEqual(refused.map(() => "not_connected"));
    expect(taken.map(({ outcome }) => outcome)).toEqual(taken.map(({ text }) => text));
    expect(server.calls).toEqual(taken.map(({ text }) => text));
    await client.close();
  });
});
