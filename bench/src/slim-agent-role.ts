// The counterpart of channel-agent-role on a node of SLIM: a member of a reliable group with MLS.
import { publishWindow } from "./publish-window.ts";
import { loadSlim, type SlimSession } from "./slim-bindings.ts";
import { argument, serve } from "./worker.ts";

const SECRET = "a secret of the benchmark, of more than 32 bytes";
const TIMEOUT_MS = 30_000;

interface Question {
  readonly invite?: string;
  readonly accept?: boolean;
  readonly publish?: number;
  readonly take?: number;
  readonly echo?: number;
  readonly requests?: number;
}

const { url, identity } = argument() as { url: string; identity: string };
const payload = new Uint8Array(1024).fill(7).buffer;
const slim = await loadSlim();
slim.initializeWithDefaults();
const service = slim.getGlobalService();
const nameOf = (name: string): unknown => new slim.Name("org", "bench", name);
// The session ends silently when this object is collected.
const app = service.createAppWithSecret(nameOf(identity), SECRET);
const connection = await service.connectAsync(slim.newInsecureClientConfig(url));
await app.subscribeAsync(app.name(), connection);
let session: SlimSession | undefined;

serve({}, async ({ invite, accept, publish, take, echo, requests }: Question) => {
  if (invite !== undefined) session = await createSession(invite);
  if (accept === true) session = await app.listenForSessionAsync(TIMEOUT_MS);
  if (take !== undefined) for (let taken = 0; taken < take; taken++) await session?.getMessageAsync(TIMEOUT_MS);
  if (publish !== undefined) await publishWindow(publish, 256, send);
  if (echo !== undefined) await sendBack(echo);
  return requests === undefined ? 0 : request(requests);
});

async function createSession(invited: string): Promise<SlimSession> {
  await app.setRouteAsync(nameOf(invited), connection);
  const config = {
    sessionType: slim.SessionType.Group,
    maxRetries: 5,
    interval: 1000,
    metadata: new Map<string, string>(),
    mlsSettings: { headerIntegrityValidationPercent: 100 },
  };
  const created = await app.createSessionAndWaitAsync(config, nameOf("channel"));
  await created.inviteAndWaitAsync(nameOf(invited));
  return created;
}

async function send(): Promise<void> {
  const handle = await session?.publishAsync(payload, undefined, undefined);
  await handle?.waitAsync();
}

async function sendBack(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await session?.getMessageAsync(TIMEOUT_MS);
    await send();
  }
}

/** Sends one message after the other, each when the previous one has come back. Returns microseconds of one. */
async function request(count: number): Promise<number> {
  const started = performance.now();
  for (let turn = 0; turn < count; turn++) await Promise.all([send(), session?.getMessageAsync(TIMEOUT_MS)]);
  return ((performance.now() - started) / count) * 1000;
}
