#!/usr/bin/env node
import { launch } from "@parley/server-kit/internal/launch";

await launch("skytale-server", new URL("..", import.meta.url));
