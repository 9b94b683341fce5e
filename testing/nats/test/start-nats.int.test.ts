import { createConnection } from "node:net";
import { describeUnless } from "@parley/test-assertions";
import { expect, it, onTestFinished } from "vitest";
import { missingNats, startNats, type NatsServer } from "../src/index.ts";

/** The first line that a server sends to a client. */
function greeting({ port }: NatsServer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: "127.0.0.1", port });
    socket.on("error", reject).once("data", (data) => {
      socket.destroy();
      resolve(data.toString());
    });
  });
}

describeUnless(missingNats(1), "a NATS server of a test", () => {
  it("offers JetStream, and comes back at the same address after it was killed", async () => {
    const nats = await startNats();
    onTestFinished(() => nats.stop());
    const [server] = nats.servers as [NatsServer];
    expect(await greeting(server)).toContain('"jetstream":true');
    await server.signal("SIGKILL");
    await expect(greeting(server)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await server.start();
    expect(await greeting(server)).toContain('"server_name":"s0"');
  });
});
