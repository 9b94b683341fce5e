import { describe, expect, it } from "vitest";
import { metricsOf } from "../src/promql.ts";

describe("metrics of a query", () => {
  it("have the labels of matchers and of the aggregations around them", () => {
    const query = 'histogram_quantile(0.95, sum by (le, host) (rate(a_bucket{instance=~"$node", x!="y"}[$__rate_interval]))) / sum(b)';
    expect(metricsOf(query)).toEqual([
      { name: "a_bucket", labels: ["instance", "x", "le", "host"] },
      { name: "b", labels: [] },
    ]);
  });

  it.each(["sum(", "rate(a[5m]", "a{b}", "1 + 1", "sum by le (a)"])("rejects %s", (query) => {
    expect(() => metricsOf(query)).toThrow(/invalid|no metric/);
  });
});
