// Encrypted chat from terminals: node dist/main.js <my name> <channel> [<invite token>].
// Needs SKYTALE_RELAY, SKYTALE_API_URL and SKYTALE_API_KEY. Keys are stored in <SKYTALE_DATA_DIR or ./encrypted-chat>/<my name>.
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ChannelError, ParleyError, SkytaleChannelManager, type MemberChanges } from "skytale";

const [me, channel, token] = process.argv.slice(2);
if (me === undefined || channel === undefined) {
  console.error("usage: node dist/main.js <my name> <channel> [<invite token>]");
  process.exit(2);
}

const nameOf = (identity: Uint8Array): string => new TextDecoder().decode(identity);
const said = (error: unknown): string => ParleyError.from(error).message;

let complaint = "";

/** Prints an error unless it was printed last: the end of the channel is reported by the events and by `receiveMessages`. */
function complain(error: unknown): void {
  if (said(error) !== complaint) console.log(`(${said(error)})`);
  complaint = said(error);
}

const manager = new SkytaleChannelManager({
  identity: me,
  dataDir: join(process.env["SKYTALE_DATA_DIR"] || "encrypted-chat", me),
  events: {
    onMembersChanged: (_, changes) => tell(changes),
    onDisconnected: () => console.log("(disconnected from the relay; reconnecting)"),
    onError: (_, error) => complain(error),
  },
});

function tell({ by, added, removed }: MemberChanges): void {
  for (const { identity } of added) console.log(`(${nameOf(by.identity)} added ${nameOf(identity)})`);
  for (const { identity } of removed) console.log(`(${nameOf(identity)} was removed)`);
}

/** Joins with the token, opens the channel if it exists, or creates it as its first member. */
async function enter(name: string): Promise<void> {
  if (token !== undefined) {
    console.log("(waiting for a member to approve the join request)");
    await manager.joinWithToken(name, token);
    return;
  }
  try {
    await manager.open(name);
  } catch (error) {
    if (!(error instanceof ChannelError) || error.code !== "not_found") throw error;
    await manager.create(name);
  }
}

async function listen(name: string): Promise<void> {
  for (;;) {
    for (const { sender, data } of await manager.receiveMessages(name, { timeout: Number.POSITIVE_INFINITY })) {
      console.log(`${nameOf(sender)}: ${new TextDecoder().decode(data)}`);
    }
  }
}

/** Executes one input line: a command, or a message. */
async function act(name: string, line: string): Promise<void> {
  const [command, argument] = line.split(" ");
  if (command === "/invite") console.log(`token: ${await manager.invite(name, { maxUses: Number(argument ?? 1) })}`);
  else if (command === "/remove" && argument !== undefined) await manager.removeMember(name, argument);
  else if (command === "/members")
    console.log(
      `members: ${manager
        .members(name)
        .map(({ identity }) => nameOf(identity))
        .join(", ")}`,
    );
  else await manager.send(name, line);
}

try {
  await enter(channel);
  console.log(`you are ${me} in ${channel}; /invite [uses], /members, /remove <name>, end with Ctrl-D`);
  const listening = listen(channel).catch((error: unknown) => {
    if (!(error instanceof ParleyError && error.code === "closed")) complain(error);
  });
  for await (const line of createInterface({ input: process.stdin })) {
    await act(channel, line).catch((error: unknown) => console.log(`(failed: ${said(error)})`));
  }
  await manager.close();
  await listening;
} catch (error) {
  console.error(said(error));
  await manager.close();
  process.exitCode = 1;
}
