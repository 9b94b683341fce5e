#!/usr/bin/env node
import { launch } from "@parley/server-kit/launch";

await launch("skytale-server", new URL("..", import.meta.url));
