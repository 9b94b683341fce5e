import { isJsonObject } from "@parley/core";
import { didcommEndpoints, type DidDocument } from "@parley/did";
import { EXIT, type ExitCode } from "../cli-error.ts";
import type { Runtime } from "../command/runtime.ts";
import { findDocument } from "../did/did.ts";
import { withAgent, type AgentOptions } from "../messages/connect-agent.ts";
import type { Paint } from "../output/colours.ts";
import { printable } from "../output/printable.ts";
import { toCliError } from "../output/to-cli-error.ts";

const DISCOVER_FEATURES = "https://didcomm.org/discover-features/2.0";
/** The uses of a key that a DID document can list. */
const PURPOSES = ["authentication", "assertionMethod", "keyAgreement", "capabilityInvocation", "capabilityDelegation"] as const;

/** Why a part is not known. */
export interface InspectProblem {
  readonly code: string;
  readonly message: string;
}

/** What `parley inspect` prints. */
export interface InspectOutput {
  readonly did: string;
  readonly keys: readonly { readonly id: string; readonly type: string; readonly purposes: readonly string[] }[];
  /** URIs of the DIDComm services. */
  readonly endpoints: readonly string[];
  /** Protocols that the agent discloses, in order of the alphabet. */
  readonly protocols: readonly string[];
  /** Why keys and endpoints are not known. */
  readonly documentProblem?: InspectProblem | undefined;
  /** Why the protocols are not known. */
  readonly protocolsProblem?: InspectProblem | undefined;
}

/** A part of the output, or why it is not known. */
type Found<T> = { readonly value: T } | { readonly problem: InspectProblem; readonly exit: ExitCode };

/**
 * Prints keys, endpoints and protocols of an agent.
 *
 * @returns the exit code of the first part that is not known
 */
export async function inspect(runtime: Runtime, options: AgentOptions, did: string): Promise<ExitCode> {
  const [document, protocols] = await Promise.all([
    find(() => findDocument(runtime, options, did)),
    find(() => protocolsOf(runtime, options, did)),
  ]);
  const output: InspectOutput = {
    did,
    ...("value" in document ? fromDocument(document.value) : { keys: [], endpoints: [], documentProblem: document.problem }),
    ...("value" in protocols ? { protocols: protocols.value } : { protocols: [], protocolsProblem: protocols.problem }),
  };
  runtime.output.data(output, formatInspect);
  return "exit" in document ? document.exit : "exit" in protocols ? protocols.exit : EXIT.ok;
}

async function find<T>(look: () => Promise<T>): Promise<Found<T>> {
  try {
    return { value: await look() };
  } catch (error) {
    const { code, message, exit } = toCliError(error);
    return { problem: { code, message }, exit };
  }
}

/** Asks for all protocols. @see {@link https://didcomm.org/discover-features/2.0/ | Discover Features 2.0} */
async function protocolsOf(runtime: Runtime, options: AgentOptions, did: string): Promise<readonly string[]> {
  return withAgent(runtime, options, async (client) => {
    const body = { queries: [{ "feature-type": "protocol", match: "*" }] };
    const response = await client.request({ type: `${DISCOVER_FEATURES}/queries`, to: did, body }, { signal: runtime.signal });
    const { disclosures } = response.body;
    if (!Array.isArray(disclosures)) return [];
    return disclosures.flatMap((each) => (isJsonObject(each) && typeof each["id"] === "string" ? [each["id"]] : [])).toSorted();
  });
}

function fromDocument(document: DidDocument): Pick<InspectOutput, "keys" | "endpoints"> {
  return {
    keys: document.verificationMethod.map(({ id, type }) => ({
      id,
      type,
      purposes: PURPOSES.filter((purpose) => document[purpose].includes(id)),
    })),
    endpoints: didcommEndpoints(document).map(({ uri }) => uri),
  };
}

function formatInspect({ did, keys, endpoints, protocols, documentProblem, protocolsProblem }: InspectOutput, paint: Paint): string {
  const section = (title: string, entries: readonly string[], problem: InspectProblem | undefined): readonly string[] => [
    paint("bold", title),
    ...(problem === undefined ? (entries.length === 0 ? ["none"] : entries) : [`not known: ${problem.message} (${problem.code})`]).map(
      (entry) => `  ${printable(entry)}`,
    ),
  ];
  return [
    paint("bold", printable(did)),
    ...section(
      "keys",
      keys.map(({ id, type, purposes }) => `${id}  ${type}  ${purposes.join(", ")}`),
      documentProblem,
    ),
    ...section("endpoints", endpoints, documentProblem),
    ...section("protocols", protocols, protocolsProblem),
  ].join("\n");
}
