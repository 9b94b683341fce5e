// Issues an EmployeeCredential on request, and revokes the credentials of a name: type revoke <name>.
// node dist/desk.js [register file]   Needs LAYR8_NODE_URL, LAYR8_API_KEY and LAYR8_AGENT_DID; DESK_PORT is the port of the status list.
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
  console.error(`Port ${wanted} of 127.0.0.1 cannot be used (${ParleyError.from(error).message}): set DESK_PORT to another port`);
  process.exit(1);
}
const { port } = server.address() as AddressInfo;
// Names below localhost always resolve to loopback. Nodes must be configured to allow requests there.
const register = await Register.open(process.argv[2] ?? "register.json", `http://desk.localhost:${port}/status/1`);

client.handle(`${ENROLMENT}/request`, async ({ body, from }) => {
  const { name } = body;
  if (typeof name !== "string" || name === "") throw new ProblemReportError("e.p.msg.name-missing", "body.name must be a non-empty string");
  if (from === undefined) throw new ProblemReportError("e.p.msg.anonymous", "Anonymous requests are rejected: set from");
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
    (error: unknown) => console.error(`Cannot revoke the credentials of ${name}:`, error),
  );
});

async function stop(): Promise<void> {
  input.close();
  server.close();
  await client.close();
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stop());
