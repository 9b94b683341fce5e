// The order of the pages. A new page of `docs` gets its place here; `npm run docs` fails without it. Titles come from the pages.

/** Groups of the sidebar. `items` are paths of pages, relative to `docs`. */
export const SIDEBAR = [
  { text: "Start", items: ["index.md", "start.md", "comparison.md"] },
  {
    text: "Concepts",
    items: [
      "concepts/dids.md",
      "concepts/nodes.md",
      "concepts/requests.md",
      "concepts/channels.md",
      "concepts/joining.md",
      "concepts/relay.md",
      "concepts/envelopes.md",
    ],
  },
  {
    text: "Guides: agents",
    items: [
      "guides/agents.md",
      "guides/channels.md",
      "guides/invites.md",
      "guides/credentials.md",
      "guides/bridge.md",
      "guides/console.md",
    ],
  },
  {
    text: "Guides: servers",
    items: [
      "guides/deploying.md",
      "guides/policies.md",
      "guides/federation.md",
      "guides/observing.md",
      "guides/upgrading.md",
      "guides/backup.md",
      "guides/security.md",
      "one-server-or-many.md",
      "million-agents.md",
      "performance.md",
    ],
  },
  {
    text: "Errors",
    items: [
      "errors/index.md",
      "errors/problem-reports.md",
      "errors/agents.md",
      "errors/channels.md",
      "errors/servers.md",
      "errors/credentials.md",
      "errors/mls.md",
      "errors/envelopes.md",
    ],
  },
  {
    text: "Reference: nodes",
    items: [
      "node/agents.md",
      "node/receipts.md",
      "node/operations.md",
      "node/policies.md",
      "node/attacks.md",
      "node/credentials.md",
      "node/federation.md",
      "node/mediation.md",
      "node/audit.md",
      "node/end-to-end.md",
      "node/wire.md",
      "node/frame-batches.md",
      "node/compatibility.md",
      "reference/rest-node.md",
    ],
  },
  {
    text: "Reference: skytale",
    items: [
      "skytale/operations.md",
      "skytale/api.md",
      "skytale/invites.md",
      "skytale/relay.md",
      "skytale/audit.md",
      "reference/rest-skytale.md",
      "reference/relay-grpc.md",
    ],
  },
  { text: "Reference: command line", items: ["cli.md", "operating.md", "reference/commands.md"] },
  { text: "Reference: packages", items: ["reference/api/index.md", "sizes.md"] },
  {
    text: "Project",
    items: ["project/glossary.md", "project/architecture.md", "project/security.md", "project/contributing.md"],
  },
];
