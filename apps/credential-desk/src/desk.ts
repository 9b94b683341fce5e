// Issues an EmployeeCredential to whoever asks, and revokes those of a name that is typed: revoke <name>.
// node dist/desk.js [register file]   Needs LAYR8_NODE_URL, LAYR8_API_KEY and LAYR8_AGENT_DID; DESK_PORT is where it publishes revocations.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { Client, logErrors, ParleyError, ProblemReportError } from "layr8";
import { EMPLOYEE_CREDENTIAL, ENROLMENT } from "./protocol.ts";
import { Register } from "./register.ts";
import { createStatusServer, TTL_MS } from "./status-server.ts";

const YEAR_MS = 365 * 24 * 60 * 60 * 1000;

const client = new Client({}, logErrors());
const server = createStatusServer(async () => client.signCredential(await register.list.toCredential({ ttl: TTL_MS })));
const wanted = Number(process.env["DESK_PORT"] ?? 4100);
server.listen(wanted, "127.0.0.1");
try {
  await once(server, "listening");
} catch (error) {
  console.error(`Port ${wanted} of 127.0.0.1 can't be used (${ParleyError.from(error).message}): set DESK_PORT to another one`);
  process.exit(1);
}
const { port } = server.address() as AddressInfo;
// A name below localhost is this machine on every machine: nodes take it for loopback, and must be allowed to ask there.
const register = await Register.open(process.argv[2] ?? "register.json", `http://desk.localhost:${port}/status/1`);

client.handle(`${ENROLMENT}/request`, async ({ body, from }) => {
  const { name } = body;
  if (typeof name !== "string" || name === "") throw new ProblemReportError("e.p.msg.name-missing", "Tell the desk your name");
  if (from === undefined) throw new ProblemReportError("e.p.msg.anonymous", "The desk issues nothing to nobody");
  const index = await register.add(name, from);
  const credential = await client.signCredential({
    type: [EMPLOYEE_CREDENTIAL],
    validUntil: new Date(Date.now() + YEAR_MS),
    credentialSubject: { id: from, name },
    credentialStatus: register.list.statusEntry(index),
  });
  console.log(`issued to ${name}`);
  return { type: `${ENROLMENT}/issued`, body: { credential } };
});

await client.connect();
console.log(`issuing as ${client.did}`);

const input = createInterface({ input: process.stdin });
input.on("line", (line) => {
  const name = /^revoke (.+)$/.exec(line.trim())?.[1];
  if (name === undefined) return console.log("type: revoke <name>");
  register.revoke(name).then(
    (count) => console.log(`revoked ${count} of ${name}`),
    (error: unknown) => console.error(`Nothing was revoked of ${name}:`, error),
  );
});

async function stop(): Promise<void> {
  input.close();
  server.close();
  await client.close();
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stop());
