// Many agents that do nothing, in a process of their own.
import { Client, logErrors } from "layr8";
import { argument, serve } from "./worker.ts";

const config = argument() as { nodeUrl: string; apiKey: string };
serve({}, async ({ agents }: { agents: number }) => {
  for (let made = 0; made < agents; made += 50) {
    const batch = Array.from({ length: Math.min(50, agents - made) }, () => {
      const client = new Client(config, logErrors());
      client.handleAll(() => undefined);
      return client.connect();
    });
    await Promise.all(batch);
  }
  return agents;
});
