// An HTTP server that does nothing: what the machine itself adds.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "../worker.ts";

const server = createServer((_request, response) => response.end("{}"));
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
serve({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }, async () => 0);
