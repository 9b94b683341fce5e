// API server and relay in a process of their own, with an account for the attacker and one for the bystander.
import { startSkytale } from "@parley/skytale-server";
import { argument, serve } from "../worker.ts";

const { workers } = argument() as { readonly workers: boolean };
const server = await startSkytale({ port: 0, relayPort: 0, logger: false, workers });
const keys = await Promise.all(
  ["attacker", "bystander"].map(async (name) => (await server.createAccount({ name, email: `${name}@example.org` })).apiKey.key),
);
serve({ apiUrl: server.apiUrl, relayUrl: server.relayUrl, attacker: keys[0], bystander: keys[1] }, async () => 0);
