// Opens for holders of an EmployeeCredential that the desk issued, and for nobody else.
// node dist/vault.js <DID of the desk>   Needs LAYR8_NODE_URL, LAYR8_API_KEY and LAYR8_AGENT_DID.
import { Client, logErrors, ProblemReportError } from "layr8";
import { EMPLOYEE_CREDENTIAL, VAULT } from "./protocol.ts";

const [desk] = process.argv.slice(2);
if (desk === undefined) throw new TypeError("Which desk? node dist/vault.js <its DID>");

const client = new Client({}, logErrors());

client.handle(`${VAULT}/open`, ({ context }) => {
  // The node has verified them: signature, dates, revocation, and that they are about the sender. Whom to believe is ours to say.
  const employee = context?.senderCredentials.find(({ type, issuer }) => type?.includes(EMPLOYEE_CREDENTIAL) && issuer === desk);
  if (employee === undefined) {
    throw new ProblemReportError("e.m.authz.denied", "The vault opens for an {1} from {2}", [EMPLOYEE_CREDENTIAL, desk]);
  }
  console.log(`opened for ${String(employee.credentialSubject["name"])}`);
  return { type: `${VAULT}/opened`, body: { content: "42 gold bars" } };
});

await client.connect();
console.log(`guarding as ${client.did}`);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void client.close());
