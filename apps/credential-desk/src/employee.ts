// Requests a credential, stores it on the node, and presents it. Needs LAYR8_NODE_URL, LAYR8_API_KEY and LAYR8_AGENT_DID.
//   node dist/employee.js enrol <DID of the desk> <name>
//   node dist/employee.js list
//   node dist/employee.js open <DID of the vault> [--without]
import { Client, logErrors, ParleyError } from "layr8";
import { ENROLMENT, VAULT } from "./protocol.ts";

const [command, did = "", option] = process.argv.slice(2);
const client = new Client({}, logErrors());

async function enrol(name: string): Promise<string> {
  const { body } = await client.request({ type: `${ENROLMENT}/request`, to: did, body: { name } });
  const signed = String(body["credential"]);
  const { credential } = await client.verifyCredential(signed);
  const { id } = await client.storeCredential(signed);
  return `stored ${String(credential["id"])} as ${id}`;
}

async function list(): Promise<string> {
  const stored = await client.listCredentials();
  return [
    `stored credentials: ${stored.length}`,
    ...stored.map(({ id, issuerDid }) => `${id} from ${issuerDid ?? "an unknown issuer"}`),
  ].join("\n");
}

async function open(without: boolean): Promise<string> {
  const message = { type: `${VAULT}/open`, to: did };
  const credentials = without ? [] : (await client.listCredentials()).map(({ credentialJwt }) => credentialJwt);
  const { body } = await client.request(credentials.length === 0 ? message : await client.present(message, credentials));
  return `found ${String(body["content"])}`;
}

async function run(): Promise<string> {
  if (command === "enrol" && did !== "" && option !== undefined) return enrol(option);
  if (command === "list") return list();
  if (command === "open" && did !== "") return open(option === "--without");
  throw new TypeError("usage: enrol <desk> <name> | list | open <vault> [--without]");
}

try {
  await client.connect();
  console.log(await run());
} catch (error) {
  const { message } = ParleyError.from(error);
  console.error(message);
  process.exitCode = 1;
} finally {
  await client.close();
}
