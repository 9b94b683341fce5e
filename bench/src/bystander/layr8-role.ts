// A node in a process of its own, with a key for the attacker and one for the bystander.
import { startNode } from "@parley/layr8-node";
import { serve } from "../worker.ts";

const node = await startNode({ port: 0, logger: false });
const key = async (name: string): Promise<string> => (await node.createApiKey({ name, dids: [`did:web:localhost:${name}:*`] })).key;
serve({ nodeUrl: node.url, httpUrl: node.httpUrl, attacker: await key("attacker"), bystander: await key("bystander") }, async () => 0);
