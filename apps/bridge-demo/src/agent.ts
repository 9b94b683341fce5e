// An A2A agent that asks what you type: node dist/agent.js <token for the agents' channel> [<my name>]. Needs SKYTALE_RELAY,
// SKYTALE_API_URL and SKYTALE_API_KEY. Keys are kept in <SKYTALE_DATA_DIR or ./bridge-demo>/<my name>.
import { createInterface } from "node:readline";
import { A2aAdapter, type ReceivedA2aMessage } from "@parley/envelope-and-adapters/a2a";
import { ParleyError, SkytaleChannelManager } from "skytale";
import { AGENTS, CONTEXT, dataDirOf, ORG } from "./place.ts";
import { Questions } from "./questions.ts";

const [token, me = "agent"] = process.argv.slice(2);
if (token === undefined) {
  console.error("usage: node dist/agent.js <token for the agents' channel> [<my name>]");
  process.exit(2);
}

const SECONDS = 1;
const tell = (error: unknown): void => console.log(`(${ParleyError.from(error).message})`);

const questions = new Questions((answer) => console.log(answer));

/** The question that an answer is for. */
function questionOf({ metadata }: ReceivedA2aMessage): string {
  const { bridge } = (metadata ?? {}) as { readonly bridge?: { readonly replyTo?: string } };
  return bridge?.replyTo ?? "";
}

async function hear(adapter: A2aAdapter): Promise<void> {
  while (!questions.areDone) {
    for (const message of await adapter.receiveMessages(CONTEXT, { timeout: SECONDS })) {
      const text = message.parts.map(({ content }) => (content?.$case === "text" ? content.value : "")).join(" ");
      questions.answered(questionOf(message), `${message.sender} answers: ${text}`);
    }
  }
}

const manager = new SkytaleChannelManager({ identity: me, dataDir: dataDirOf(me) });
try {
  await manager.joinWithToken(AGENTS, token);
  await using adapter = new A2aAdapter(manager, { agentId: me, org: ORG, onError: tell });
  await adapter.openContext(CONTEXT);
  console.log(`you are ${me}; type what is to be stamped, end with Ctrl-D`);
  const hearing = hear(adapter);
  for await (const line of createInterface({ input: process.stdin })) {
    questions.asked(await adapter.sendMessage(CONTEXT, [{ text: line }]));
  }
  questions.allAsked();
  await hearing;
} catch (error) {
  tell(error);
  process.exitCode = 1;
} finally {
  await manager.close();
}
