// A proxy in front of a node that hides its capabilities, so that agents take it for an older one.
import { once } from "node:events";
import { connect, createServer } from "node:net";

const CAPABILITY = Buffer.from("reply_protocol/1");
const NONSENSE = Buffer.from("reply_protocol/x");

/**
 * @param {string} nodeUrl
 * @returns the URL to use instead.
 */
export async function startLegacyProxy(nodeUrl) {
  const { hostname, port } = new URL(nodeUrl);
  const server = createServer((agent) => {
    const node = connect(Number(port), hostname);
    agent.pipe(node);
    // A server's frames are not masked, and the answer to a join comes in one piece.
    node.on("data", (data) => {
      const at = data.indexOf(CAPABILITY);
      if (at >= 0) NONSENSE.copy(data, at);
      agent.write(data);
    });
    agent.on("error", () => node.destroy()).on("close", () => node.destroy());
    node.on("error", () => agent.destroy()).on("close", () => agent.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(nodeUrl);
  const address = server.address();
  if (typeof address === "object" && address !== null) url.port = String(address.port);
  return url.href;
}
