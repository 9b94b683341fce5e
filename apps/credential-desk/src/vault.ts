// Opens only for holders of an EmployeeCredential issued by the desk.
// node dist/vault.js <DID of the desk>   Needs LAYR8_NODE_URL, LAYR8_API_KEY and LAYR8_AGENT_DID.
import { Client, logErrors, ProblemReportError } from "layr8";
import { EMPLOYEE_CREDENTIAL, VAULT } from "./protocol.ts";

const [desk] = process.argv.slice(2);
if (desk === undefined) throw new TypeError("usage: node dist/vault.js <DID of the desk>");

const client = new Client({}, logErrors());

client.handle(`${VAULT}/open`, ({ context }) => {
  // The node verified signature, dates and revocation, and that the sender is the subject. Trust in the issuer is checked here.
  const employee = context?.senderCredentials.find(({ type, issuer }) => type?.includes(EMPLOYEE_CREDENTIAL) && issuer === desk);
  if (employee === undefined) {
    throw new ProblemReportError("e.m.authz.denied", "The vault requires an {1} issued by {2}", [EMPLOYEE_CREDENTIAL, desk]);
  }
  console.log(`opened for ${String(employee.credentialSubject["name"])}`);
  return { type: `${VAULT}/opened`, body: { content: "42 gold bars" } };
});

await client.connect();
console.log(`guarding as ${client.did}`);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void client.close());
