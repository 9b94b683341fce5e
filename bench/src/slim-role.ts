// A node of SLIM, from its bindings.
import { createServer, type AddressInfo } from "node:net";
import { loadSlim } from "./slim-bindings.ts";
import { serve } from "./worker.ts";

const slim = await loadSlim();
slim.initializeWithDefaults();
const port = await freePort();
await slim.getGlobalService().runServerAsync(slim.newInsecureServerConfig(`127.0.0.1:${port}`));
serve({ url: `http://127.0.0.1:${port}` }, async () => 0);

/** A port that was free a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject).listen(0, "127.0.0.1", () => {
      const { port: free } = server.address() as AddressInfo;
      server.close(() => resolve(free));
    });
  });
}
