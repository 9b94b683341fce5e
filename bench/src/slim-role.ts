// A node of SLIM, from its bindings.
import { freePort } from "./free-port.ts";
import { loadSlim } from "./slim-bindings.ts";
import { serve } from "./worker.ts";

const slim = await loadSlim();
slim.initializeWithDefaults();
const port = await freePort();
await slim.getGlobalService().runServerAsync(slim.newInsecureServerConfig(`127.0.0.1:${port}`));
serve({ url: `http://127.0.0.1:${port}` }, async () => 0);
