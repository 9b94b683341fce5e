// Issues an EmployeeCredential on request, and revokes the credentials of a name: type revoke <name>.
// node dist/desk.js [register file]   Needs LAYR8_NODE_URL, LAYR8_API_KEY and LAYR8_AGENT_DID.
import { createInterface } from "node:readline";
import { Client, decodeCredential, logErrors, ProblemReportError, type JsonObject } from "layr8";
import { EMPLOYEE_CREDENTIAL, ENROLMENT } from "./protocol.ts";
import { Register } from "./register.ts";

const YEAR_MS = 365 * 24 * 60 * 60 * 1000;

const client = new Client({}, logErrors());
const register = await Register.open(process.argv[2] ?? "register.json");

client.handle(`${ENROLMENT}/request`, async ({ body, from }) => {
  const { name } = body;
  if (typeof name !== "string" || name === "") throw new ProblemReportError("e.p.msg.name-missing", "body.name must be a non-empty string");
  if (from === undefined) throw new ProblemReportError("e.p.msg.anonymous", "Anonymous requests are rejected: set from");
  const credential = await client.signCredential(
    {
      type: [EMPLOYEE_CREDENTIAL],
      validUntil: new Date(Date.now() + YEAR_MS),
      credentialSubject: { id: from, name },
    },
    // The node publishes the status, and gives it a place in the credential.
    { revocable: true },
  );
  const { credentialStatus } = decodeCredential(credential).credential;
  await register.add({ name, did: from, credentialStatus: credentialStatus as readonly JsonObject[] });
  console.log(`issued to ${name}`);
  return { type: `${ENROLMENT}/issued`, body: { credential } };
});

await client.connect();
console.log(`issuing as ${client.did}`);

const input = createInterface({ input: process.stdin });
input.on("line", (line) => {
  const name = /^revoke (.+)$/.exec(line.trim())?.[1];
  if (name === undefined) return console.log("type: revoke <name>");
  revoke(name).then(
    (count) => console.log(`revoked ${count} of ${name}`),
    (error: unknown) => console.error(`Cannot revoke the credentials of ${name}:`, error),
  );
});

/** Revokes every credential of a name. Returns their number. */
async function revoke(name: string): Promise<number> {
  const theirs = register.entriesOf(name);
  for (const { credentialStatus } of theirs) await client.setCredentialStatus(credentialStatus, "revoked");
  return theirs.length;
}

async function stop(): Promise<void> {
  input.close();
  await client.close();
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stop());
