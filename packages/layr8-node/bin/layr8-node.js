#!/usr/bin/env node
import { launch } from "@parley/server-kit/internal/launch";

await launch("layr8-node", new URL("..", import.meta.url));
