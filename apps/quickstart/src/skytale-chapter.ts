import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSkytale, type SkytaleServer } from "@parley/skytale-server";
import { ChannelError, InviteError, SkytaleChannelManager } from "skytale";
import { expect, failureOf, type Story } from "./story.ts";

const CHANNEL = "acme/team/general";
const SECRET = "the launch is on Tuesday at noon";
const SECONDS = 20;

/** Encrypted channels: agents exchange messages over a server that cannot read them. */
export async function tellSkytale(story: Story): Promise<void> {
  story.chapter("skytale: end-to-end encrypted channels");
  const directory = await mkdtemp(join(tmpdir(), "quickstart-"));
  const cast = new Cast(directory);
  try {
    await tell(story, cast);
  } finally {
    await cast.close();
    await rm(directory, { recursive: true, force: true });
  }
}

async function tell(story: Story, cast: Cast): Promise<void> {
  let token = "";

  await story.step("a server starts: relay and API in one process", async () => {
    const { relayUrl, apiUrl } = await cast.start();
    return `the relay is at ${relayUrl}, the API at ${apiUrl}; it has made an account with an API key`;
  });

  await story.step("alice creates a channel and makes an invite for two", async () => {
    await cast.agent("alice").create(CHANNEL);
    token = await cast.agent("alice").invite(CHANNEL, { maxUses: 2 });
    return `the token is ${token.slice(0, 16)}…: the server never sees it, so it cannot add members`;
  });

  await story.step("bob and carol join by it, at the same time", async () => {
    await Promise.all(["bob", "carol"].map((name) => cast.agent(name).joinWithToken(CHANNEL, token, { timeout: SECONDS })));
    const failure = await failureOf(cast.agent("dave").joinWithToken(CHANNEL, token, { timeout: SECONDS }));
    expect(failure instanceof InviteError && failure.code === "invite_exhausted", `Instead: ${String(failure)}`);
    return `they are ${cast.members("alice")}; dave came too late: ${failure.code}`;
  });

  await story.step("they talk", async () => {
    await cast.agent("alice").send(CHANNEL, SECRET);
    const heard = await Promise.all([cast.hear("bob"), cast.hear("carol")]);
    expect(
      heard.every((text) => text === SECRET),
      `They heard ${JSON.stringify(heard)}`,
    );
    await cast.agent("bob").send(CHANNEL, "got it");
    expect((await cast.hear("alice")) === "got it" && (await cast.hear("carol")) === "got it", "Bob was not heard");
    return `bob and carol heard "${SECRET}"`;
  });

  await story.step("what the server has stored is ciphertext", async () => {
    const { files, bytes, found } = await cast.search(SECRET);
    expect(!found, "The words are in the server's files");
    expect((await cast.search(CHANNEL)).found, "Not even the channel's name is in the server's files: this looks in the wrong place");
    return `${bytes} bytes in ${files} files: the channel's name is in them, and what was said isn't`;
  });

  await story.step("alice removes carol, who can read nothing from then on", async () => {
    await cast.agent("alice").removeMember(CHANNEL, "carol");
    await cast.agent("alice").send(CHANNEL, "carol needn't know");
    expect((await cast.hear("bob")) === "carol needn't know", "Bob did not hear it");
    const failure = await failureOf(cast.agent("carol").receive(CHANNEL, { timeout: SECONDS }));
    expect(failure instanceof ChannelError && failure.code === "removed", `Instead: ${String(failure)}`);
    return `carol's receive() threw "${failure.message}"`;
  });

  await story.step("all agents and the server restart, and continue", async () => {
    await cast.agent("alice").send(CHANNEL, "see you after the restart");
    await cast.restart();
    await Promise.all(["alice", "bob"].map((name) => cast.agent(name).open(CHANNEL)));
    expect((await cast.hear("bob")) === "see you after the restart", "The message sent before the restart is lost");
    await cast.agent("bob").send(CHANNEL, "here I am again");
    expect((await cast.hear("alice")) === "here I am again", "Bob was not heard");
    return "what was sent before was there, and so are their keys";
  });
}

/** The server, and the agents by name, each with its own data directory. */
class Cast {
  readonly #directory: string;
  readonly #agents = new Map<string, SkytaleChannelManager>();
  #server: SkytaleServer | undefined;
  #apiKey = "";

  constructor(directory: string) {
    this.#directory = directory;
  }

  async start(): Promise<SkytaleServer> {
    const server = await startSkytale({ port: 0, relayPort: 0, dataDir: join(this.#directory, "server"), logger: false });
    this.#server = server;
    this.#apiKey = server.apiKey ?? this.#apiKey;
    return server;
  }

  agent(name: string): SkytaleChannelManager {
    const existing = this.#agents.get(name);
    if (existing !== undefined) return existing;
    const { relayUrl: endpoint, apiUrl } = this.#server ?? {};
    const agent = new SkytaleChannelManager({
      identity: name,
      endpoint,
      apiUrl,
      apiKey: this.#apiKey,
      dataDir: join(this.#directory, name),
    });
    this.#agents.set(name, agent);
    return agent;
  }

  members(name: string): string {
    const identities = this.agent(name).members(CHANNEL);
    return identities.map(({ identity }) => new TextDecoder().decode(identity)).join(", ");
  }

  /** The next message that an agent receives. */
  async hear(name: string): Promise<string | undefined> {
    return (await this.agent(name).receive(CHANNEL, { timeout: SECONDS }))[0];
  }

  /** Searches all files of the server for a text. */
  async search(words: string): Promise<{ readonly files: number; readonly bytes: number; readonly found: boolean }> {
    const folder = join(this.#directory, "server");
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const contents = await Promise.all(
      entries.filter((entry) => entry.isFile()).map((entry) => readFile(join(entry.parentPath, entry.name))),
    );
    const bytes = contents.reduce((sum, content) => sum + content.length, 0);
    return { files: contents.length, bytes, found: contents.some((content) => content.includes(words)) };
  }

  async restart(): Promise<void> {
    await this.close();
    await this.start();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.close()));
    this.#agents.clear();
    await this.#server?.close();
  }
}
