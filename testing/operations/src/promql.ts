import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";

/** A metric that a query reads, with the labels that the query expects it to have. */
export interface QueriedMetric {
  readonly name: string;
  readonly labels: readonly string[];
}

/**
 * The metrics of a query of Prometheus, by the grammar of Prometheus' own editor. Labels are those of its matchers, and those by which aggregations around it
 * group.
 *
 * @param query variables of Grafana are allowed as texts and durations.
 * @throws Error naming the place where the query is not valid
 */
export function metricsOf(query: string): readonly QueriedMetric[] {
  const text = query.replaceAll("$__rate_interval", "5m");
  const found: QueriedMetric[] = [];
  const tree = parser.parse(text);
  tree.iterate({
    enter: ({ node }) => {
      if (node.type.isError) throw new Error(`invalid at ${node.from}: ${text}`);
      if (node.name === "VectorSelector") found.push(readSelector(node, text));
    },
  });
  if (found.length === 0) throw new Error(`no metric: ${text}`);
  return found;
}

function readSelector(selector: SyntaxNode, text: string): QueriedMetric {
  const name = selector.getChild("Identifier");
  if (name === null) throw new Error(`a selector without a name: ${text}`);
  const labels = textsOf(selector, "LabelName", text);
  for (let around = selector.parent; around !== null; around = around.parent) {
    if (around.name === "AggregateExpr")
      for (const modifier of around.getChildren("AggregateModifier")) labels.push(...textsOf(modifier, "LabelName", text));
  }
  return { name: text.slice(name.from, name.to), labels };
}

/** The texts of all nodes of one kind below a node. */
function textsOf(below: SyntaxNode, kind: string, text: string): string[] {
  const texts: string[] = [];
  below.cursor().iterate((node) => {
    if (node.name === kind && node.from >= below.from && node.to <= below.to) texts.push(text.slice(node.from, node.to));
  });
  return texts;
}
