// The tour of Parley. Everything runs on this machine, over real sockets, without accounts.
import { tellCredentials } from "./credentials-chapter.ts";
import { tellLayr8 } from "./layr8-chapter.ts";
import { tellProtocols } from "./protocols-chapter.ts";
import { tellSkytale } from "./skytale-chapter.ts";
import { Story } from "./story.ts";
import { tellTwoNodes } from "./two-nodes-chapter.ts";

const story = new Story();
await tellLayr8(story);
await tellCredentials(story);
await tellTwoNodes(story);
await tellSkytale(story);
await tellProtocols(story);
process.exitCode = story.end() ? 0 : 1;
