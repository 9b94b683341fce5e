import { readFileSync } from "node:fs";
import type { Sample } from "@parley/test-assertions";
import { beforeAll, describe, expect, it } from "vitest";
import { servedMetrics, type ServedMetrics } from "../src/index.ts";
import { metricsOf } from "../src/promql.ts";

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly description?: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}

const read = (path: string): string => readFileSync(new URL(`../../../docs/${path}`, import.meta.url), "utf8");
const dashboard = JSON.parse(read("deploy/grafana/parley.json")) as Dashboard;
const queries = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr, legendFormat }) => ({ title, expr, legendFormat })),
);
/** Labels that Prometheus adds to what it scrapes. */
const ADDED = new Set(["instance", "job"]);

let served: ServedMetrics;

beforeAll(async () => {
  served = await servedMetrics();
});

/** The labels of a metric; `undefined` if no server has it. */
function labelsOf(name: string): ReadonlySet<string> | undefined {
  const samples = [...served.node, ...served.skytale].filter((sample) => sample.name === name);
  return samples.length === 0 ? undefined : new Set(samples.flatMap(({ labels }) => Object.keys(labels)));
}

/** Metrics that only nodes with shared data on NATS have, according to the documents. They have no labels. */
const ON_NATS = new Set(
  Array.from(read("node/operations.md").matchAll(/^\| `(\w+)` +\| gauge +\| +\| with NATS: /gm), ([, name]) => `layr8_node_${name}`),
);

/** Names of metrics as documents have them: histograms without the suffixes of their samples. */
function namesOf(samples: readonly Sample[]): ReadonlySet<string> {
  return new Set(samples.map(({ name }) => name.replace(/_seconds_(?:bucket|sum|count)$/, "_seconds")));
}

describe("the dashboard", () => {
  it.each(queries)("asks for metrics that servers have, with their labels: $title, $expr", ({ expr, legendFormat }) => {
    const metrics = metricsOf(expr);
    for (const { name, labels } of metrics) {
      const known = ON_NATS.has(name) ? new Set<string>() : labelsOf(name);
      expect(known, name).toBeDefined();
      for (const label of labels) expect(ADDED.has(label) || known?.has(label) === true, `${name} has the label ${label}`).toBe(true);
    }
    // The query must keep the labels of the legend.
    const grouped = new Set(metrics.flatMap(({ labels }) => labels));
    for (const [, label = ""] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect(grouped).toContain(label);
  });

  it("shows every metric that servers have", () => {
    const asked = new Set(queries.flatMap(({ expr }) => metricsOf(expr).map(({ name }) => name.replace(/_seconds_bucket$/, "_seconds"))));
    expect([...namesOf(served.node), ...namesOf(served.skytale)].filter((name) => !asked.has(name))).toEqual([]);
  });

  it("chooses servers by metrics that they have", () => {
    const definitions = dashboard.templating.list.flatMap(({ definition }) => definition ?? []);
    expect(definitions).toHaveLength(2);
    for (const definition of definitions) {
      const name = /^label_values\((?<name>\w+), instance\)$/.exec(definition)?.groups?.["name"] ?? "";
      expect(labelsOf(name), name).toBeDefined();
    }
  });

  it("describes each panel, and panels do not overlap", () => {
    const panels = dashboard.panels.filter(({ type }) => type !== "row");
    expect(panels.length).toBeGreaterThan(20);
    for (const { title, description, targets = [] } of panels) expect([title, description?.length ?? 0, targets.length]).not.toContain(0);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const cells = dashboard.panels.flatMap(({ gridPos: { h, w, x, y } }) =>
      Array.from({ length: h * w }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    for (const { gridPos } of dashboard.panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  });
});

describe("tables of metrics in documents", () => {
  it.each([
    ["node/operations.md", "layr8_node_", "node"],
    ["skytale/operations.md", "skytale_", "skytale"],
  ] as const)("have the metrics and labels that servers have: %s", (path, prefix, server) => {
    const section = /### Metrics\n(?<text>.*?)\n## /s.exec(read(path))?.groups?.["text"] ?? "";
    const rows = Array.from(
      section.matchAll(/^\| (?<names>`[^|]+`) +\| (?<kind>gauge|counter|histogram) +\| (?<labels>[^|]*)\|/gm),
      ({ groups }) => groups,
    );
    const documented = new Map<string, readonly (string | undefined)[]>(
      rows.flatMap((row) => {
        const labels = Array.from((row?.["labels"] ?? "").matchAll(/`(\w+)`/g), ([, label]) => label);
        return Array.from((row?.["names"] ?? "").matchAll(/`(\w+)`/g), ([, name]) => [`${prefix}${name}`, labels] as const);
      }),
    );
    for (const name of ON_NATS) documented.delete(name);
    expect([...documented.keys()].toSorted((one, other) => one.localeCompare(other))).toEqual(
      [...namesOf(served[server])].toSorted((one, other) => one.localeCompare(other)),
    );
    for (const [name, labels] of documented) {
      const known = labelsOf(name) ?? labelsOf(`${name}_bucket`);
      expect([name, new Set(labels)]).toEqual([name, new Set([...(known ?? [])].filter((label) => label !== "le"))]);
    }
  });
});
