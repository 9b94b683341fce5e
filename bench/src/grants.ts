import { Client, logErrors } from "layr8";
import { measure } from "./harness.ts";
import { Processes } from "./processes.ts";
import type { Worker } from "./worker.ts";

const DURATION_MS = 1500;
const LANES = 64;
const LENGTH = 64;
const ECHO = "did:web:localhost:echo";
const OWNER = "did:web:localhost:owner";
const ASKING = "did:web:localhost:asking";
const PROTOCOL = "https://layr8.io/protocols/echo/1.0";
const PLAIN = "no grant, no policy";
const POLICY = { did: ECHO, protocols: [PROTOCOL], allow: [], grantIssuers: [OWNER] };

/** What grants cost a node in memory: the attachment alone, and with the decision, which is cached. One decision for each request. */
export async function grants(): Promise<void> {
  const running: Processes[] = [];
  try {
    const places: { name: string; processes: Processes; asking: Worker }[] = [];
    for (const [name, options, isGranted] of [
      [PLAIN, {}, false],
      ["a grant is attached", {}, true],
      ["a grant is attached, and decides", { policies: [POLICY] }, true],
    ] as const) {
      const processes = new Processes();
      running.push(processes);
      const { ready } = await processes.start<{ nodeUrl: string; apiKey: string }>("node-role", options);
      const endpoint = { nodeUrl: ready.nodeUrl, apiKey: ready.apiKey };
      if (isGranted) await grant(endpoint);
      await processes.start("echo-role", { ...endpoint, agentDids: [ECHO] });
      const { worker: asking } = await processes.start("asking-role", { ...endpoint, pairs: [{ agentDid: ASKING, to: ECHO }] });
      places.push({ name, processes, asking });
    }
    for (const { processes, asking } of places) await processes.warmUp(asking, { lanes: LANES, length: LENGTH });
    await measure({
      title: `Request and response, body of ${LENGTH} bytes, ${LANES} in flight`,
      unit: "requests/s",
      baseline: PLAIN,
      variants: places.map(({ name, processes, asking }) => ({
        name,
        run: () => processes.rate(asking, { lanes: LANES, durationMs: DURATION_MS, length: LENGTH }),
      })),
    });
  } finally {
    for (const processes of running) await processes.stop();
  }
}

/** Stores a grant for the requester, as its issuer would. */
async function grant({ nodeUrl, apiKey }: { readonly nodeUrl: string; readonly apiKey: string }): Promise<void> {
  await using owner = new Client({ nodeUrl, apiKey, agentDid: OWNER }, logErrors());
  await using holder = new Client({ nodeUrl, apiKey, agentDid: ASKING }, logErrors());
  await owner.connect();
  await holder.connect();
  const signed = await owner.signCredential({
    type: ["VerifiableCredential", "VerifiableGrant"],
    credentialSubject: { id: ASKING, scope: [{ protocol: PROTOCOL, messageTypes: ["request"], resource: ECHO }] },
  });
  await owner.storeCredential(signed, { holderDid: ASKING });
}
